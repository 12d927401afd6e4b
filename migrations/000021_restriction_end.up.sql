-- Restrictions of a number end at a time that the network names when they begin; nobody says so when it comes.
-- Locks: access exclusive on channels for a moment. Old code: does not see the column, so restrictions stay until a check.
alter table channels add column restricted_until timestamptz;

-- Numbers whose restriction is over. Locks: none.
create function channels_with_ended_restrictions(at_most integer)
returns table (tenant_id uuid, channel_id uuid) language sql stable as $$
  select c.tenant_id, c.id from channels c where c.restricted_until <= now() and c.deleted_at is null
  order by c.restricted_until limit at_most $$;
call make_router_function('channels_with_ended_restrictions(integer)');
