-- A contact that went into another one says so itself. It was told by having no addresses left, which a deleted person who never
-- had one has neither: agents with a closed number heard nothing of such a person's end, nor of what was about them.
-- Locks: access exclusive on contacts while the column, its key and its index are made (no row is written anew but those of merged
-- contacts). Old code: merges without saying so, so who was merged by it meanwhile is everybody's as any deleted contact without
-- numbers is; with closed numbers stop its processes first.

alter table contacts add column merged_into integer;

-- The owner of the tables is bound by row security as well, except here.
alter table contacts no force row level security;
alter table contact_merges no force row level security;
alter table contact_identities no force row level security;
alter table conversations no force row level security;
update contacts k set merged_into = m.contact_id
from (
  select distinct on (tenant_id, other_id) tenant_id, other_id, contact_id from contact_merges
  where undone_at is null order by tenant_id, other_id, merged_at desc) m
where k.tenant_id = m.tenant_id and k.id = m.other_id and k.deleted_at is not null;
-- What a network merged is in no ledger. It goes without addresses and conversations, and only where nobody wrote anything of ours
-- on it; whoever was made by one of us has a name that one of us wrote. Into whom is not kept anywhere: their own id stands for it.
update contacts k set merged_into = k.id
where k.deleted_at is not null and k.merged_into is null and not k.name_edited and k.customer_id is null and k.email is null
  and not exists (select from contact_identities i where i.tenant_id = k.tenant_id and i.contact_id = k.id)
  and not exists (select from conversations c where c.tenant_id = k.tenant_id and c.contact_id = k.id);
alter table contacts force row level security;
alter table contact_merges force row level security;
alter table contact_identities force row level security;
alter table conversations force row level security;

-- Whoever does away with the other one for good says first that it is not known any more.
create index contacts_by_merged_into on contacts (tenant_id, merged_into) where merged_into is not null;
alter table contacts add constraint contacts_merged_into foreign key (tenant_id, merged_into) references contacts (tenant_id, id);

-- As in 000041.
create or replace function channels_of_contact(contact integer) returns json language sql stable as $$
  select coalesce(json_agg(distinct c.channel_id), case when exists (
      select from contacts k where k.tenant_id = (select current_tenant()) and k.id = contact and k.merged_into is not null)
    then json '["00000000-0000-0000-0000-000000000000"]' else json '[]' end)
  from conversations c where c.tenant_id = (select current_tenant()) and c.contact_id = contact $$;
