drop function append_events(uuid, json, boolean);
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

drop function store_deliveries(json);
create function store_deliveries(batch json) returns integer[] language sql as $$
  with given as materialized (
    select d, place, (d->'expects') is null or exists (
      select from channels c join tenants t on t.id = c.tenant_id
      where c.id = (d->>'channelId')::uuid and c.tenant_id = (d->>'tenantId')::uuid and c.deleted_at is null
        and c.external_id = d->'expects'->>'externalId' and t.status = 'active'
        and encode(sha256(c.secrets), 'hex') = d->'expects'->>'secrets') as as_expected
    from json_array_elements(batch) with ordinality as e(d, place)
  ), stored as (
    insert into webhook_inbox (tenant_id, channel_id, provider, hash, body, state, reason, signature)
    select (d->>'tenantId')::uuid, (d->>'channelId')::uuid, d->>'provider', decode(d->>'hash', 'hex'),
           decode(d->>'body', 'base64'), d->>'state', d->>'reason', d->>'signature'
    from given where as_expected order by place
    on conflict (provider, hash, channel_id) do nothing
  ) select coalesce(array_agg(place::integer) filter (where not as_expected), '{}') from given $$;
call make_router_function('store_deliveries(json)');
