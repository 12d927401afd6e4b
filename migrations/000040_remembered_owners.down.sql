drop function store_deliveries(json);

create function store_deliveries(batch json) returns integer language sql as $$
  with stored as (
    insert into webhook_inbox (tenant_id, channel_id, provider, hash, body, state, reason, signature)
    select (d->>'tenantId')::uuid, (d->>'channelId')::uuid, d->>'provider', decode(d->>'hash', 'hex'),
           decode(d->>'body', 'base64'), d->>'state', d->>'reason', d->>'signature'
    from json_array_elements(batch) d
    on conflict (provider, hash, channel_id) do nothing
    returning 1
  ) select count(*)::integer from stored $$;
call make_router_function('store_deliveries(json)');
