drop function append_events(uuid, json, boolean);

create function append_events(tenant uuid, batch json, out epoch integer, out seq bigint) language plpgsql as $$
declare
  size constant integer := json_array_length(batch);
begin
  update tenant_heads h set seq = h.seq + size where h.tenant_id = tenant returning h.epoch, h.seq into epoch, seq;
  if not found then
    raise exception 'tenant % has no head row', tenant using errcode = 'no_data_found';
  end if;
  insert into events (tenant_id, epoch, seq, type, scope, conversation_id, actor, payload)
  select tenant, append_events.epoch, append_events.seq - size + e.place,
         e.item->>'type', e.item->'scope', (e.item->>'conversationId')::uuid, e.item->'actor', e.item->'payload'
  from json_array_elements(batch) with ordinality as e(item, place);
end $$;
grant execute on function append_events(uuid, json) to switchboard_app;
