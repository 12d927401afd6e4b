-- What the command line asks across tenants, and the signature of deliveries that are nobody's: when their number is
-- connected later, the signature says whether its own app sent them, so that nobody can have words put in quarantine for
-- a number that is not theirs.
-- Locks: access exclusive on webhook_inbox for a moment (a column without default). Old code: stores no signature; what it
-- quarantines stays there.

alter table webhook_inbox add column signature text;

-- As in 000007, with the signature of a delivery that is nobody's (signature?).
create or replace function store_deliveries(batch json) returns integer language sql as $$
  with stored as (
    insert into webhook_inbox (tenant_id, channel_id, provider, hash, body, state, reason, signature)
    select (d->>'tenantId')::uuid, (d->>'channelId')::uuid, d->>'provider', decode(d->>'hash', 'hex'),
           decode(d->>'body', 'base64'), d->>'state', d->>'reason', d->>'signature'
    from json_array_elements(batch) d
    on conflict (provider, hash, channel_id) do nothing
    returning 1
  ) select count(*)::integer from stored $$;
call make_router_function('store_deliveries(json)');

-- Deliveries in quarantine that are nobody's, without their bodies. Out: by id, behind `after`. Locks: none.
create function unowned_deliveries(after bigint, at_most integer)
returns table (id bigint, provider text, reason text, received_at timestamptz, size_bytes integer)
language sql stable as $$
  select w.id, w.provider, w.reason, w.received_at, octet_length(w.body) from webhook_inbox w
  where w.tenant_id is null and w.state = 'quarantined' and w.id > after order by w.id limit at_most $$;
call make_router_function('unowned_deliveries(bigint, integer)');

-- One of them whole, to look whose it is now. Out: at most one row. Locks: none.
create function unowned_delivery(delivery bigint)
returns table (provider text, body bytea, signature text) language sql stable as $$
  select w.provider, w.body, w.signature from webhook_inbox w
  where w.id = delivery and w.tenant_id is null and w.state = 'quarantined' $$;
call make_router_function('unowned_delivery(bigint)');

-- One of them is with its owners now (a copy each, store_deliveries), and nothing of it is left over. Out: whether it still
-- was in quarantine. Locks: the row.
create function settle_unowned_delivery(delivery bigint) returns boolean language sql as $$
  with settled as (
    update webhook_inbox set state = 'done', processed_at = now()
    where id = delivery and tenant_id is null and state = 'quarantined' returning 1
  ) select exists (select from settled) $$;
call make_router_function('settle_unowned_delivery(bigint)');
grant update on webhook_inbox to switchboard_router;

-- Numbers that send nothing, with the reason. Locks: none.
create function stopped_channels(at_most integer)
returns table (tenant_slug text, channel_id uuid, provider text, name text, status text, stopped_reason text)
language sql stable as $$
  select t.slug, c.id, c.provider, c.name, c.status, c.stopped_reason
  from channels c join tenants t on t.id = c.tenant_id
  where c.deleted_at is null and (c.stopped_reason is not null or c.status not in ('connected', 'connecting'))
  order by t.slug, c.name limit at_most $$;
call make_router_function('stopped_channels(integer)');
