drop function stopped_channels(integer);
revoke update on webhook_inbox from switchboard_router;
drop function settle_unowned_delivery(bigint);
drop function unowned_delivery(bigint);
drop function unowned_deliveries(bigint, integer);
create or replace function store_deliveries(batch json) returns integer language sql as $$
  with stored as (
    insert into webhook_inbox (tenant_id, channel_id, provider, hash, body, state, reason)
    select (d->>'tenantId')::uuid, (d->>'channelId')::uuid, d->>'provider', decode(d->>'hash', 'hex'),
           decode(d->>'body', 'base64'), d->>'state', d->>'reason'
    from json_array_elements(batch) d
    on conflict (provider, hash, channel_id) do nothing
    returning 1
  ) select count(*)::integer from stored $$;
call make_router_function('store_deliveries(json)');
alter table webhook_inbox drop column signature;
