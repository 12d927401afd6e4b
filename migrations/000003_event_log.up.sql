-- The ordered truth. A change and its events are one transaction; the tenant's head row is locked last in it and gives
-- the numbers, so seq order is commit order, without holes (LOG1, LOG2). Partitions by time are dropped, never deleted.
-- Locks: none (new tables). Old code: not affected.

create table tenant_heads (
  tenant_id  uuid primary key references tenants on delete cascade,
  -- rises when the past was rewritten: a restore, a failover that lost its tail
  epoch      integer not null default 1 check (epoch > 0),
  seq        bigint not null default 0 check (seq >= 0),
  -- the cluster the epoch belongs to (system identifier and timeline), a guard against silent restores
  lineage    text
);
call protect_tenant_table('tenant_heads', 'select, insert, update');

create table events (
  tenant_id        uuid not null,
  epoch            integer not null,
  seq              bigint not null,
  type             text not null,
  version          smallint not null default 1,
  -- who may hear it; judged by the policy of the moment it is emitted or replayed
  scope            json not null,
  -- set when the scope hangs on a conversation, so that a replay can look up who may see it now
  conversation_id  uuid,
  actor            json not null,
  -- json, not jsonb: readers want the text as it was written, and nobody searches in it
  payload          json not null,
  occurred_at      timestamptz not null default clock_timestamp(),
  primary key (tenant_id, epoch, seq, occurred_at)
) partition by range (occurred_at);
call protect_tenant_table('events', 'select, insert');

-- The net under the partitions: an insert never fails because tomorrow's partition is missing.
create table events_default partition of events default;
call protect_tenant_table('events_default', 'select, insert');

-- Appends events of one tenant. In: the tenant of the transaction and a JSON array of
-- {type, scope, conversationId?, actor, payload} where scope, actor and payload are JSON. Out: the new head.
-- Locks: the tenant's head row, until commit; so it comes last and nothing slow may follow it.
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

-- The heads of many tenants in one read, for a gateway's poll. Out: a row for each that exists. Locks: none.
create function heads_of(tenants uuid[])
returns table (tenant_id uuid, epoch integer, seq bigint) language sql stable as
$$ select h.tenant_id, h.epoch, h.seq from tenant_heads h where h.tenant_id = any (tenants) $$;
call make_router_function('heads_of(uuid[])');
grant select on tenant_heads to switchboard_router;

-- Makes the daily partitions from yesterday to `days_ahead` days from now and drops those that ended more than
-- `keep_days` days ago. Out: what it did. Locks: access exclusive on events for a moment when it attaches or drops.
create function maintain_event_partitions(days_ahead integer, keep_days integer)
returns table (action text, partition_name text) language plpgsql security definer as $$
declare
  day date;
  part record;
begin
  for day in select generate_series(current_date - 1, current_date + days_ahead, interval '1 day')::date loop
    partition_name := 'events_' || to_char(day, 'YYYYMMDD');
    if to_regclass(partition_name) is null
       and not exists (select from events_default where occurred_at >= day and occurred_at < day + 1) then
      execute format('create table %I partition of events for values from (%L) to (%L)', partition_name, day::timestamptz, (day + 1)::timestamptz);
      execute format('call protect_tenant_table(%L, %L)', partition_name, 'select, insert');
      action := 'created';
      return next;
    end if;
  end loop;
  for part in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'events'::regclass and c.relname ~ '^events_\d{8}$'
      and to_date(right(c.relname, 8), 'YYYYMMDD') < current_date - keep_days
  loop
    execute format('drop table %I', part.relname);
    action := 'dropped';
    partition_name := part.relname;
    return next;
  end loop;
end $$;
do $$ begin
  execute format('alter function maintain_event_partitions(integer, integer) set search_path = %I, pg_temp', current_schema());
  alter function maintain_event_partitions(integer, integer) set timezone = 'UTC';
end $$;
revoke all on function maintain_event_partitions(integer, integer) from public;
grant execute on function maintain_event_partitions(integer, integer) to switchboard_app;

select maintain_event_partitions(7, 30);
