drop procedure create_deal_search_index();
drop function find_deals(text, uuid, integer, integer);
drop function tenants_without_pipeline(integer);
drop table deal_stage_changes;
revoke select on deals from switchboard_router;
drop index deals_newest, deals_by_update, deals_by_position, deals_by_title, deals_by_value, deals_by_close, deals_by_entry,
  deals_by_stage, deals_by_owner, deals_deleted, deals_by_customer, deals_by_contact;
drop index if exists deals_search;
alter table deals
  drop constraint deals_one_per_position,
  drop constraint deals_reason_of_closed,
  drop constraint deals_value_not_negative,
  drop constraint deals_value_has_currency,
  drop column title_key,
  alter column probability drop not null,
  alter column position set default 'a0',
  alter column position type text collate "default";
drop index pipeline_stages_one_per_name;
alter table pipeline_stages
  drop constraint pipeline_stages_one_per_position,
  drop constraint pipeline_stages_pipeline,
  drop column pipeline_id;
drop table pipelines;
