-- A bell may take small commits along (docs/gateway.md), so whoever appends must learn what a reader would find: when it
-- happened and where the conversations are now. Asked for only by who wants to tell; the others' appends cost what they did.
-- Locks: none of tables. Old code: calls with two arguments and looks at none of the results, which stays right.

drop function append_events(uuid, json);

-- Appends events of one tenant. In: the tenant of the transaction, a JSON array of
-- {type, scope, conversationId?, actor, payload} where scope, actor and payload are JSON, and whether to tell. Out: the
-- new head; and, when to tell, the moment of all of them as read_log() writes it, and
-- [[conversation, channel, assignee, team] …] for the conversations they hang on. Those places are exactly the ones at
-- this head: the head row is locked already, each statement in here has a snapshot of its own, and a conversation moves
-- only in a transaction that appends.
-- Locks: the tenant's head row, until commit; so it comes last and nothing slow may follow it.
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
