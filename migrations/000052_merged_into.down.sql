create or replace function channels_of_contact(contact integer) returns json language sql stable as $$
  select coalesce(json_agg(distinct c.channel_id), case when exists (
      select from contacts k where k.tenant_id = (select current_tenant()) and k.id = contact and k.deleted_at is not null and not exists (
        select from contact_identities i where i.tenant_id = k.tenant_id and i.contact_id = k.id))
    then json '["00000000-0000-0000-0000-000000000000"]' else json '[]' end)
  from conversations c where c.tenant_id = (select current_tenant()) and c.contact_id = contact $$;
alter table contacts drop column merged_into;
