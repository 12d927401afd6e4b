-- The quarantine is for humans to look at, and strangers can fill it: it is kept for a time, too.
-- Locks: share on webhook_inbox while the index is built. Old code: not affected.

create index webhook_inbox_quarantine on webhook_inbox (received_at) where state = 'quarantined';

-- Throws away deliveries that were nobody's for longer than `keep`. Out: how many. Locks: the rows.
create function sweep_quarantine(keep interval, at_most integer) returns integer language sql as $$
  with old as (select id from webhook_inbox where state = 'quarantined' and received_at < now() - keep limit at_most),
  gone as (delete from webhook_inbox w using old where w.id = old.id returning 1)
  select count(*)::integer from gone $$;
call make_router_function('sweep_quarantine(interval, integer)');
