drop function append_events_together(json);

create or replace function channels_of_contact(contact integer) returns json language sql stable as $$
  select coalesce(json_agg(distinct c.channel_id), case when exists (
      select from contacts k where k.tenant_id = (select current_tenant()) and k.id = contact and k.merged_into is not null)
    then json '["00000000-0000-0000-0000-000000000000"]' else json '[]' end)
  from conversations c where c.tenant_id = (select current_tenant()) and c.contact_id = contact $$;
drop function channels_of_contact(uuid, integer);

do $$
declare
  target text;
begin
  foreach target in array array['tenants', 'tenant_heads', 'events', 'channels', 'contacts', 'contact_identities', 'conversations',
    'messages', 'parked_updates', 'webhook_inbox'] loop
    execute format('drop policy shared_by_tenants on %I', target);
    execute format('revoke all on %I from switchboard_lane', target);
  end loop;
  execute format('revoke usage on schema %I from switchboard_lane', current_schema());
end $$;

drop procedure share_tenant_table(regclass, text, name);
drop function current_tenants();
