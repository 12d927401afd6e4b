create or replace function channels_of_contact(contact integer) returns json language sql stable as $$
  select coalesce(json_agg(distinct c.channel_id), '[]') from conversations c
  where c.tenant_id = (select current_tenant()) and c.contact_id = contact $$;
