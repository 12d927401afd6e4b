-- What workers need to take messages in order without reading a whole queue, and the sweeps that look across tenants.
-- Locks: share locks on messages while the indexes are made (no writes for that moment). Old code: not affected.

-- First come, first served inside a priority; conversation ids as a sort key would let old conversations starve new ones.
drop index messages_queued;
create index messages_queued on messages (tenant_id, channel_id, priority, id) where status = 'queued';
-- "Is an earlier message of this conversation still waiting or under way?" without reading its history.
create index messages_queued_in_conversation on messages (tenant_id, conversation_id, seq) where status = 'queued';
create index messages_unknown on messages (tenant_id) where status = 'unknown';

-- Pauses of the number in a row, without a message that got through between them: each is longer than the one before.
alter table channel_lanes add column pauses integer not null default 0;

-- How far behind the sends are. Out: one row; the age is null when nothing waits. Locks: none.
create function outbound_backlog()
returns table (oldest_seconds double precision, unknown_messages bigint) language sql stable as $$
  select (select extract(epoch from now() - min(m.created_at))::double precision from messages m where m.status = 'queued'),
         (select count(*) from messages m where m.status = 'unknown') $$;
call make_router_function('outbound_backlog()');

-- Throws away news about messages that never came. Out: how many. Locks: the rows.
create function sweep_parked_updates() returns integer language sql as $$
  with gone as (delete from parked_updates where expires_at < now() returning 1)
  select count(*)::integer from gone $$;
call make_router_function('sweep_parked_updates()');
grant select, delete on parked_updates to switchboard_router;
