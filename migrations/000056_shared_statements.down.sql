drop function append_events_together(json);

create or replace function channels_of_contact(contact integer) returns json language sql stable as $$
  select coalesce(json_agg(distinct c.channel_id), case when exists (
      select from contacts k where k.tenant_id = (select current_tenant()) and k.id = contact and k.merged_into is not null)
    then json '["00000000-0000-0000-0000-000000000000"]' else json '[]' end)
  from conversations c where c.tenant_id = (select current_tenant()) and c.contact_id = contact $$;
drop function channels_of_contact(uuid, integer);

-- Locks: as on the way up. After a restore the policies may be missing, and the role too.
do $$
declare
  target text;
begin
  lock table channels, tenants, webhook_inbox, contact_identities, contacts, messages, parked_updates, conversations, tenant_heads, only events
    in access exclusive mode;
  foreach target in array array['channels', 'tenants', 'webhook_inbox', 'contact_identities', 'contacts', 'messages',
    'parked_updates', 'conversations', 'tenant_heads', 'events'] loop
    execute format('drop policy if exists shared_by_tenants on %I', target);
    if to_regrole('switchboard_lane') is not null then
      execute format('revoke all on %I from switchboard_lane', target);
    end if;
  end loop;
  if to_regrole('switchboard_lane') is not null then
    execute format('revoke usage on schema %I from switchboard_lane', current_schema());
  end if;
end $$;

drop procedure share_message_path();
drop procedure share_tenant_table(regclass, text, name);
drop function current_tenants();
