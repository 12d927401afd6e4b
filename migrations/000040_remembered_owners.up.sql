-- Whoever takes deliveries may go by what it knows of a number, as long as the database has the last word: a delivery that
-- expects a number to be as it was is stored only when it still is (HOOK4). Spares the question before.
-- Locks: none of tables. Old code: sends no expectations and looks at no result, which stays right.

drop function store_deliveries(json);

-- Stores deliveries of any channels in one commit. In: a JSON array of
-- {provider, hash (hex), body (base64), tenantId?, channelId?, state, reason?, signature?, expects?}, where expects is
-- {externalId, secrets (SHA-256 of them, hex)} of a channel that is live and whose tenant is active. Out: the places, from 1, of
-- deliveries that are not stored because it is not so (any more). A delivery that is here already is left alone.
-- Locks: the new rows.
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
