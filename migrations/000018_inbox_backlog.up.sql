-- How far behind the intake is, for gauges. Locks: none. Old code: not affected.

create index webhook_inbox_oldest on webhook_inbox (received_at) where state = 'new';

-- Out: one row; the age is null when nothing waits.
create function inbox_backlog()
returns table (oldest_seconds double precision, parked bigint, quarantined bigint) language sql stable as $$
  select (select extract(epoch from now() - min(w.received_at))::double precision from webhook_inbox w where w.state = 'new'),
         (select count(*) from webhook_inbox w where w.state = 'parked'),
         (select count(*) from webhook_inbox w where w.state = 'quarantined') $$;
call make_router_function('inbox_backlog()');
