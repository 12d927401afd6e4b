drop function records_to_purge(interval, integer);
revoke select on notes, pipeline_stages, deal_stage_changes, tags, saved_views from switchboard_router;
drop index deal_stage_changes_to, deal_stage_changes_from;
drop index notes_deleted_at, activities_deleted_at, deals_deleted_at, contacts_deleted_at, customers_deleted_at,
  pipeline_stages_deleted_at, pipelines_deleted_at, tags_deleted_at, saved_views_deleted_at;
