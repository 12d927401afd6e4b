-- Companies and the people we talk to. SERIAL keys and soft deletion as the neighbours of this database know them.
-- Locks: none (new tables). Old code: not affected.

create table customers (
  id             serial primary key,
  tenant_id      uuid not null references tenants on delete cascade,
  name           text not null check (name <> ''),
  email          text,
  phone          text,
  company        text,
  website        text,
  address        text,
  status         text not null default 'lead' check (status in ('lead', 'prospect', 'active', 'inactive')),
  source         text,
  owner_id       uuid,
  custom_fields  jsonb not null default '{}',
  version        integer not null default 1,
  created_at     timestamptz not null default now(),
  updated_at     timestamptz not null default now(),
  deleted_at     timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, owner_id) references users (tenant_id, id)
);
call protect_tenant_table('customers');
grant usage on sequence customers_id_seq to switchboard_app;

create table contacts (
  id           serial primary key,
  tenant_id    uuid not null references tenants on delete cascade,
  customer_id  integer,
  first_name   text not null default '',
  last_name    text,
  email        text,
  phone        text,
  title        text,
  is_primary   boolean not null default false,
  language     text,
  timezone     text,
  blocked      boolean not null default false,
  -- a group chat is a contact whose only identity is the group
  is_group     boolean not null default false,
  -- the name the person goes by on the network; first_name is filled from it until somebody edits it
  profile_name text,
  name_edited  boolean not null default false,
  picture_url  text,
  marketing    text check (marketing in ('granted', 'denied')),
  marketing_at timestamptz,
  version      integer not null default 1,
  created_at   timestamptz not null default now(),
  updated_at   timestamptz not null default now(),
  deleted_at   timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, customer_id) references customers (tenant_id, id)
);
create index contacts_by_customer on contacts (tenant_id, customer_id);
call protect_tenant_table('contacts');
grant usage on sequence contacts_id_seq to switchboard_app;

-- The many addresses of one person. A person may have no phone number at all.
create table contact_identities (
  tenant_id   uuid not null,
  kind        text not null check (kind in ('phone', 'wa_id', 'bsuid', 'parent_bsuid', 'lid', 'group', 'username')),
  value       text not null check (value <> ''),
  contact_id  integer not null,
  created_at  timestamptz not null default now(),
  primary key (tenant_id, kind, value),
  foreign key (tenant_id, contact_id) references contacts (tenant_id, id) on delete cascade
);
create index contact_identities_by_contact on contact_identities (tenant_id, contact_id);
call protect_tenant_table('contact_identities');

-- Append-only: what the person allowed, who says so, since when.
create table consents (
  tenant_id    uuid not null,
  id           uuid not null,
  contact_id   integer not null,
  category     text not null check (category in ('marketing')),
  granted      boolean not null,
  source       text not null,
  detail       text,
  occurred_at  timestamptz not null,
  created_at   timestamptz not null default now(),
  primary key (tenant_id, id),
  foreign key (tenant_id, contact_id) references contacts (tenant_id, id) on delete cascade,
  unique (tenant_id, contact_id, category, occurred_at, granted)
);
call protect_tenant_table('consents', 'select, insert');
