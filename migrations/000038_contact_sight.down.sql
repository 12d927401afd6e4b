create or replace function read_log(tenant uuid, of_epoch bigint, after bigint, most integer, farthest bigint)
returns json language plpgsql as $$
declare
  found json;
begin
  perform set_config('app.tenant_id', tenant::text, true);
  select json_build_array(h.epoch, h.seq, coalesce((
    select json_agg(json_build_array(
        e.seq, e.type, to_char(e.occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), e.scope,
        c.channel_id, c.assignee_id, c.team_id, e.actor::text, e.payload::text) order by e.seq)
    from events e left join conversations c on c.tenant_id = e.tenant_id and c.id = e.conversation_id
    where e.tenant_id = tenant and e.epoch = of_epoch and e.seq > after and e.seq <= after + most
      and h.epoch = of_epoch and h.seq > after and h.seq - after <= farthest), '[]'))
  into found from tenant_heads h where h.tenant_id = tenant;
  return found;
end $$;

drop function append_events(uuid, json, boolean);
create function append_events(
  tenant uuid, batch json, tell boolean default false,
  out epoch integer, out seq bigint, out at text, out places json
) language plpgsql as $$
declare
  size constant integer := json_array_length(batch);
  moment timestamptz;
begin
  update tenant_heads h set seq = h.seq + size where h.tenant_id = tenant returning h.epoch, h.seq into epoch, seq;
  if not found then
    raise exception 'tenant % has no head row', tenant using errcode = 'no_data_found';
  end if;
  moment := clock_timestamp();
  insert into events (tenant_id, epoch, seq, type, scope, conversation_id, actor, payload, occurred_at)
  select tenant, append_events.epoch, append_events.seq - size + e.place,
         e.item->>'type', e.item->'scope', (e.item->>'conversationId')::uuid, e.item->'actor', e.item->'payload', moment
  from json_array_elements(batch) with ordinality as e(item, place);
  if tell then
    at := to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
    select json_agg(json_build_array(c.id, c.channel_id, c.assignee_id, c.team_id)) into places
    from conversations c
    where c.tenant_id = tenant
      and c.id = any (array(select (e.item->>'conversationId')::uuid from json_array_elements(batch) as e(item)));
  end if;
end $$;
grant execute on function append_events(uuid, json, boolean) to switchboard_app;
drop function channels_of_contact(integer);
