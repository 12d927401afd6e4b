alter table events no force row level security;
update events set scope = (scope::jsonb - 'contactId' - 'channelIds' - 'was')::json where scope->>'kind' in ('owned', 'lost-owned');
alter table events force row level security;
drop index deals_totals;
create index deals_totals on deals (tenant_id, stage_id, currency, owner_id) include (value_minor) where deleted_at is null;
