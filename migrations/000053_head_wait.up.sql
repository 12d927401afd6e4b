drop function append_events(uuid, json, boolean);
-- As in 000038, and how long it waited for the tenant's head row, in seconds: other writers of the tenant, and what the update
-- itself takes.
-- Locks: the head row of the tenant, as before. Old code: leaves a column that it does not know alone. A connection that had
-- the statement prepared fails with it once and is thrown away.
create function append_events(
  tenant uuid, batch json, tell boolean default false,
  out epoch integer, out seq bigint, out at text, out places json, out contacts json, out waited double precision
) language plpgsql as $$
declare
  size constant integer := json_array_length(batch);
  asked constant timestamptz := clock_timestamp();
  moment timestamptz;
begin
  update tenant_heads h set seq = h.seq + size where h.tenant_id = tenant returning h.epoch, h.seq into epoch, seq;
  if not found then
    raise exception 'tenant % has no head row', tenant using errcode = 'no_data_found';
  end if;
  moment := clock_timestamp();
  waited := greatest(0, extract(epoch from moment - asked));
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
    if strpos(batch::text, '"contactId":') > 0 then
      select json_agg(json_build_array(k.id, channels_of_contact(k.id))) into contacts
      from (select distinct (e.item->'scope'->>'contactId')::integer as id from json_array_elements(batch) as e(item)
            where e.item->'scope'->>'contactId' is not null) k;
    end if;
  end if;
end $$;
grant execute on function append_events(uuid, json, boolean) to switchboard_app;
