-- Who sees a deal or an activity that is nobody's hangs on what it is about. Totals of stages ask it of every deal, in the
-- index alone; and events that were recorded before learn what their record was about, or a replay would tell them to agents
-- who do not see it any more. Only tenants with closed numbers need that: for the others closing one comes after them.
-- Locks: access exclusive on deals while the index is built (10 s for 1 M deals), and on events and what is read here until
-- the end. Old code: looks at neither, which stays as right as it was.

drop index deals_totals;
create index deals_totals on deals (tenant_id, stage_id, currency, owner_id) include (value_minor, contact_id, id) where deleted_at is null;

-- The owner of the tables is bound by row security as well, except here.
alter table events no force row level security;
alter table deals no force row level security;
alter table conversations no force row level security;
alter table deal_conversations no force row level security;
alter table channels no force row level security;
update events e set scope = (e.scope::jsonb || about.subject)::json
from (
  select told.tenant_id, told.epoch, told.seq, told.occurred_at, jsonb_strip_nulls(jsonb_build_object(
    'contactId', coalesce((told.record->>'contactId')::integer, d.contact_id),
    'channelIds', (select nullif(jsonb_agg(distinct c.channel_id), '[]') from conversations c
      where c.tenant_id = told.tenant_id and c.id in (
        select (told.record->>'conversationId')::uuid
        union select l::uuid from jsonb_array_elements_text(told.record->'conversationIds') l
        union select l.conversation_id from deal_conversations l where l.tenant_id = d.tenant_id and l.deal_id = d.id)))) as subject
  from (
    select n.tenant_id, n.epoch, n.seq, n.occurred_at,
      coalesce(n.payload::jsonb->'deal', n.payload::jsonb->'activity', n.payload::jsonb->'note') as record
    from events n
    where n.scope->>'kind' = 'owned' and n.scope->>'ownerId' is null and n.scope->>'action' in ('deal.read', 'activity.read')
      and exists (select from channels h where h.tenant_id = n.tenant_id and h.members_only)) told
  left join deals d on d.tenant_id = told.tenant_id and d.id = (told.record->>'dealId')::integer
) about
where e.tenant_id = about.tenant_id and e.epoch = about.epoch and e.seq = about.seq and e.occurred_at = about.occurred_at
  and about.subject <> '{}';
alter table events force row level security;
alter table deals force row level security;
alter table conversations force row level security;
alter table deal_conversations force row level security;
alter table channels force row level security;
