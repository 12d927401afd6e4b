-- How long a deal was in a stage, no longer cut down to whole seconds: of very many short stays the mean came out half a second
-- too low. What was cut off is known, because the stay began with the change before.
-- Locks: access exclusive on deal_stage_changes while it and its indexes are written anew, and its rows once more. Old code:
-- writes whole seconds and reads what it does not cut.
alter table deal_stage_changes alter column seconds_in_stage type double precision;
alter table deal_stage_changes no force row level security;
update deal_stage_changes c set seconds_in_stage = s.exactly
from (
  select tenant_id, id, extract(epoch from at - lag(at) over (partition by tenant_id, deal_id order by at, id))::float8 as exactly
  from deal_stage_changes) s
where s.tenant_id = c.tenant_id and s.id = c.id and floor(s.exactly) = c.seconds_in_stage and s.exactly <> c.seconds_in_stage;
alter table deal_stage_changes force row level security;
