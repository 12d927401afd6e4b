-- Lists of contacts and notes, who of a customer's people comes first, what may be one person twice, and merges that can be
-- taken back. Locks: share on contacts and notes while indexes are built; access exclusive on contact_identities while it
-- is written anew with one more column. Old code: not affected.

-- Of a customer's people at most one comes first, whoever says so at the same moment.
alter table contacts no force row level security;
update contacts c set is_primary = false where c.is_primary and c.deleted_at is null and exists (
  select from contacts o where o.tenant_id = c.tenant_id and o.customer_id = c.customer_id and o.is_primary and o.deleted_at is null and o.id < c.id);
alter table contacts force row level security;
create unique index contacts_one_primary on contacts (tenant_id, customer_id) where is_primary and deleted_at is null;

create index contacts_newest on contacts (tenant_id, created_at desc, id desc);
create index contacts_by_update on contacts (tenant_id, updated_at desc, id desc);
create index contacts_by_name on contacts (tenant_id, lower(first_name || ' ' || coalesce(last_name, '')), id);

-- The same line may be written in two ways: mobile numbers of Brazil with and without the 9, of Mexico and Argentina with
-- and without the digit that once stood for a mobile. Digits in, digits out.
create function phone_key(digits text) returns text language sql immutable strict parallel safe
return case
  when digits ~ '^55\d\d9\d{8}$' then left(digits, 4) || right(digits, 8)
  when digits ~ '^521\d{10}$' then '52' || right(digits, 10)
  when digits ~ '^549\d{10}$' then '54' || right(digits, 10)
  else digits
end;
alter table contact_identities
  add column phone_key text generated always as (case when kind in ('phone', 'wa_id') then phone_key(value) end) stored;
create index contact_identities_by_phone on contact_identities (tenant_id, phone_key, contact_id) where phone_key is not null;
create index contacts_by_email on contacts (tenant_id, lower(email), id) where email is not null and deleted_at is null;

-- Two contacts were found to be one person. Kept, so that it can be taken back.
create table contact_merges (
  tenant_id   uuid not null,
  id          uuid not null,
  -- who goes on, and who went into it
  contact_id  integer not null,
  other_id    integer not null,
  -- what moved, and what of the contact that goes on was another before
  moved       jsonb not null,
  actor       jsonb not null,
  merged_at   timestamptz not null,
  undone_at   timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, contact_id) references contacts (tenant_id, id) on delete cascade,
  foreign key (tenant_id, other_id) references contacts (tenant_id, id) on delete cascade,
  check (contact_id <> other_id)
);
create index contact_merges_of_contact on contact_merges (tenant_id, contact_id, merged_at desc);
create index contact_merges_of_other on contact_merges (tenant_id, other_id, merged_at desc);
call protect_tenant_table('contact_merges', 'select, insert, update');

create index notes_newest on notes (tenant_id, created_at desc, id desc);
create index notes_by_update on notes (tenant_id, updated_at desc, id desc);
create index notes_of_customer on notes (tenant_id, customer_id, created_at desc, id desc) where customer_id is not null;
create index notes_of_contact on notes (tenant_id, contact_id, created_at desc, id desc) where contact_id is not null;
create index notes_of_deal on notes (tenant_id, deal_id, created_at desc, id desc) where deal_id is not null;
