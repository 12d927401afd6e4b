-- Deliveries as they came, committed before we answer 200. Locks: none (new tables). Old code: not affected.

create table webhook_inbox (
  id            bigint generated always as identity primary key,
  -- null: nobody owns the number it names; it waits here and is never guessed into a tenant
  tenant_id     uuid references tenants on delete cascade,
  channel_id    uuid,
  provider      text not null,
  hash          bytea not null,
  body          bytea not null,
  state         text not null default 'new' check (state in ('new', 'done', 'parked', 'quarantined')),
  reason        text,
  -- parts that made no sense, with their reasons; their siblings were processed
  poison        jsonb,
  attempts      integer not null default 0,
  received_at   timestamptz not null default now(),
  processed_at  timestamptz,
  unique nulls not distinct (provider, hash, channel_id)
);
create index webhook_inbox_waiting on webhook_inbox (tenant_id, channel_id, id) where state = 'new';
create index webhook_inbox_age on webhook_inbox (received_at) where state = 'done';
create index webhook_inbox_trouble on webhook_inbox (tenant_id, state, id) where state in ('parked', 'quarantined');
call protect_tenant_table('webhook_inbox', 'select, update');

-- Stores deliveries of any channels in one commit. In: a JSON array of
-- {provider, hash (hex), body (base64), tenantId?, channelId?, state, reason?}. Out: how many were new; a delivery
-- that is here already is left alone. Locks: the new rows.
create function store_deliveries(batch json) returns integer language sql as $$
  with stored as (
    insert into webhook_inbox (tenant_id, channel_id, provider, hash, body, state, reason)
    select (d->>'tenantId')::uuid, (d->>'channelId')::uuid, d->>'provider', decode(d->>'hash', 'hex'),
           decode(d->>'body', 'base64'), d->>'state', d->>'reason'
    from json_array_elements(batch) d
    on conflict (provider, hash, channel_id) do nothing
    returning 1
  ) select count(*)::integer from stored $$;
call make_router_function('store_deliveries(json)');
grant select, insert on webhook_inbox to switchboard_router;

-- Channels with deliveries that wait. Out: one row per channel. Locks: none.
create function channels_with_deliveries(at_most integer)
returns table (tenant_id uuid, channel_id uuid) language sql stable as $$
  select distinct w.tenant_id, w.channel_id from webhook_inbox w
  where w.state = 'new' and w.channel_id is not null limit at_most $$;
call make_router_function('channels_with_deliveries(integer)');

-- Throws away processed deliveries that are older than `keep`. Out: how many. Locks: the rows.
create function sweep_deliveries(keep interval, at_most integer) returns integer language sql as $$
  with old as (select id from webhook_inbox where state = 'done' and received_at < now() - keep limit at_most),
  gone as (delete from webhook_inbox w using old where w.id = old.id returning 1)
  select count(*)::integer from gone $$;
call make_router_function('sweep_deliveries(interval, integer)');
grant delete on webhook_inbox to switchboard_router;
