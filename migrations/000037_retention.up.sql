-- Deleted records whose time to be restored is over. Locks: share on each of these tables while a small index is built (it
-- holds only deleted records). Old code: not affected.

create index notes_deleted_at on notes (deleted_at) where deleted_at is not null;
create index activities_deleted_at on activities (deleted_at) where deleted_at is not null;
create index deals_deleted_at on deals (deleted_at) where deleted_at is not null;
create index contacts_deleted_at on contacts (deleted_at) where deleted_at is not null;
create index customers_deleted_at on customers (deleted_at) where deleted_at is not null;
create index pipeline_stages_deleted_at on pipeline_stages (deleted_at) where deleted_at is not null;
create index pipelines_deleted_at on pipelines (deleted_at) where deleted_at is not null;
create index tags_deleted_at on tags (deleted_at) where deleted_at is not null;
create index saved_views_deleted_at on saved_views (deleted_at) where deleted_at is not null;

-- What refers to a record that goes.
create index deal_stage_changes_to on deal_stage_changes (tenant_id, to_stage_id);
create index deal_stage_changes_from on deal_stage_changes (tenant_id, from_stage_id) where from_stage_id is not null;

-- Records that were deleted longer ago than they are kept, and that nothing needs: a contact stays for its conversations, a stage
-- for the deals that are or have been in it, a pipeline for its stages. Definitions of custom fields stay, because records keep their
-- values. Out: at most so many of each kind, the longest deleted first. Locks: none.
create function records_to_purge(keep interval, at_most integer)
returns table (tenant_id uuid, noun text, record_id integer) language sql stable as $$
  (select r.tenant_id, 'note', r.id from notes r where r.deleted_at < now() - keep order by r.deleted_at limit at_most)
  union all
  (select r.tenant_id, 'activity', r.id from activities r where r.deleted_at < now() - keep order by r.deleted_at limit at_most)
  union all
  (select r.tenant_id, 'deal', r.id from deals r where r.deleted_at < now() - keep order by r.deleted_at limit at_most)
  union all
  (select r.tenant_id, 'contact', r.id from contacts r where r.deleted_at < now() - keep
     and not exists (select from conversations c where c.tenant_id = r.tenant_id and c.contact_id = r.id)
   order by r.deleted_at limit at_most)
  union all
  (select r.tenant_id, 'customer', r.id from customers r where r.deleted_at < now() - keep order by r.deleted_at limit at_most)
  union all
  (select r.tenant_id, 'pipeline_stage', r.id from pipeline_stages r where r.deleted_at < now() - keep
     and not exists (select from deals d where d.tenant_id = r.tenant_id and d.stage_id = r.id)
     and not exists (select from deal_stage_changes h where h.tenant_id = r.tenant_id and h.to_stage_id = r.id)
     and not exists (select from deal_stage_changes h where h.tenant_id = r.tenant_id and h.from_stage_id = r.id)
   order by r.deleted_at limit at_most)
  union all
  (select r.tenant_id, 'pipeline', r.id from pipelines r where r.deleted_at < now() - keep
     and not exists (select from pipeline_stages s where s.tenant_id = r.tenant_id and s.pipeline_id = r.id)
   order by r.deleted_at limit at_most)
  union all
  (select r.tenant_id, 'tag', r.id from tags r where r.deleted_at < now() - keep order by r.deleted_at limit at_most)
  union all
  (select r.tenant_id, 'saved_view', r.id from saved_views r where r.deleted_at < now() - keep order by r.deleted_at limit at_most) $$;
call make_router_function('records_to_purge(interval, integer)');
grant select on notes, pipeline_stages, deal_stage_changes, tags, saved_views to switchboard_router;
