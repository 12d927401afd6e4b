-- Looks at the inboxes of several tenants share their statements, where each row says whose it is. Such a statement runs as a role of
-- its own, for which app.tenant_ids names the tenants of its transaction: rows of all others do not exist, and other tables than those
-- below cannot be read. For everybody else nothing changes: a second condition in the policy that binds all statements cost
-- short ones twice their time (docs/measurements.md).
create function current_tenants() returns uuid[] language sql stable parallel safe as
$$ select string_to_array(nullif(current_setting('app.tenant_ids', true), ''), ',')::uuid[] $$;

-- The application may become it, and has none of its rights before it does.
do $$
begin
  if not exists (select from pg_roles where rolname = 'switchboard_lane') then
    create role switchboard_lane nologin nosuperuser nobypassrls;
  end if;
  if not pg_has_role('switchboard_app', 'switchboard_lane', 'member') then
    if current_setting('server_version_num')::integer >= 160000 then
      execute 'grant switchboard_lane to switchboard_app with inherit false, set true';
    else
      alter role switchboard_app noinherit;
      grant switchboard_lane to switchboard_app;
    end if;
  end if;
exception
  when duplicate_object or unique_violation then null;
  when insufficient_privilege then
    raise exception 'the migration role may not create the role switchboard_lane: let a superuser run docs/database-roles.sql once';
end $$;

-- As in 000052, of any tenant whose rows can be seen.
create function channels_of_contact(of_tenant uuid, contact integer) returns json language sql stable as $$
  select coalesce(json_agg(distinct c.channel_id), case when exists (
      select from contacts k where k.tenant_id = of_tenant and k.id = contact and k.merged_into is not null)
    then json '["00000000-0000-0000-0000-000000000000"]' else json '[]' end)
  from conversations c where c.tenant_id = of_tenant and c.contact_id = contact $$;
create or replace function channels_of_contact(contact integer) returns json language sql stable as $$
  select channels_of_contact(current_tenant(), contact) $$;

-- Appends what several tenants recorded. In: a JSON array of {tenant, tell, events}, each tenant once, with the events as for
-- append_events. Out: one row per tenant, as append_events answers.
-- Locks: the head rows, in the order of the tenants' ids.
create function append_events_together(batch json)
returns table (tenant_id uuid, epoch integer, seq bigint, at text, places json, contacts json, waited double precision)
language plpgsql as $$
#variable_conflict use_column
declare
  asked constant timestamptz := clock_timestamp();
  owners constant uuid[] := array(select p.tenant from json_to_recordset(batch) as p(tenant uuid));
  moment timestamptz;
  found_heads integer;
begin
  perform from tenant_heads h where h.tenant_id = any (owners) order by h.tenant_id for no key update;
  get diagnostics found_heads = row_count;
  if found_heads <> cardinality(owners) then
    raise exception 'one of the tenants % has no head row', owners using errcode = 'no_data_found';
  end if;
  moment := clock_timestamp();
  return query
  with head as (
    update tenant_heads h set seq = h.seq + p.size
    from (select p.tenant, p.tell, p.events, json_array_length(p.events) as size
          from json_to_recordset(batch) as p(tenant uuid, tell boolean, events json)) p
    where h.tenant_id = p.tenant and h.tenant_id = any (owners)
    returning h.tenant_id, h.epoch, h.seq, p.tell, p.events, p.size
  ), written as (
    insert into events (tenant_id, epoch, seq, type, scope, conversation_id, actor, payload, occurred_at)
    select h.tenant_id, h.epoch, h.seq - h.size + e.place, e.type, e.scope, e.conversation, e.actor, e.payload, moment
    from head h cross join lateral
      rows from (json_to_recordset(h.events) as (type text, scope json, "conversationId" uuid, actor json, payload json))
      with ordinality as e(type, scope, conversation, actor, payload, place)
    returning tenant_id, conversation_id, (scope->>'contactId')::integer as contact_id
  ), place as (
    select c.tenant_id, json_agg(json_build_array(c.id, c.channel_id, c.assignee_id, c.team_id)) as places
    from conversations c where c.id = any (array(select w.conversation_id from written w where w.conversation_id is not null))
    group by c.tenant_id
  ), person as (
    select k.tenant_id, json_agg(json_build_array(k.contact_id, channels_of_contact(k.tenant_id, k.contact_id))) as contacts
    from (select distinct w.tenant_id, w.contact_id from written w where w.contact_id is not null) k group by k.tenant_id
  )
  select h.tenant_id, h.epoch, h.seq, to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    case when h.tell then place.places end, case when h.tell then person.contacts end,
    greatest(0, extract(epoch from moment - asked))::double precision
  from head h left join place on place.tenant_id = h.tenant_id left join person on person.tenant_id = h.tenant_id;
end $$;
revoke all on function append_events_together(json) from public;

-- Lets shared statements into a table whose rows have their tenant in the given column. What binds everybody binds them too, and finds
-- nothing: while they run app.tenant_id is nobody's.
create procedure share_tenant_table(target regclass, rights text, tenant name default 'tenant_id') language plpgsql as $$
declare
  rule constant text := format('(%I = any ((select current_tenants())::uuid[]))', tenant);
begin
  execute format('drop policy if exists shared_by_tenants on %s', target);
  execute format('create policy shared_by_tenants on %s to switchboard_lane using %s with check %s', target, rule, rule);
  execute format('grant %s on %s to switchboard_lane', rights, target);
end $$;

-- All that the role has of ours. The owner may call it again at any time, and does so after a restore into a cluster where the role was
-- not there yet: policies and rights that name a role that is missing are not restored.
-- Locks: access exclusive on each of the ten for a moment, in the order in which the message path comes to them. Whoever uses them in
-- another order may make this fail with a deadlock; then nothing has changed, and it is to be run again. Old code: not
-- affected.
create procedure share_message_path() language plpgsql set search_path from current as $$
begin
  lock table channels, tenants, webhook_inbox, contact_identities, contacts, messages, parked_updates, conversations, tenant_heads, only events
    in access exclusive mode;
  execute format('grant usage on schema %I to switchboard_lane', current_schema());
  call share_tenant_table('channels', 'select');
  call share_tenant_table('tenants', 'select', 'id');
  call share_tenant_table('webhook_inbox', 'select, update');
  call share_tenant_table('contact_identities', 'select');
  call share_tenant_table('contacts', 'select');
  call share_tenant_table('messages', 'select, insert');
  call share_tenant_table('parked_updates', 'select');
  call share_tenant_table('conversations', 'select, update');
  call share_tenant_table('tenant_heads', 'select, update');
  call share_tenant_table('events', 'select, insert');
  grant execute on function append_events_together(json) to switchboard_lane;
end $$;
call share_message_path();
