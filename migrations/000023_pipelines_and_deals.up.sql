-- Pipelines around the stages, the order of deals in a stage, where deals have been, and the indexes of their lists.
--
-- Tenants that had stages already get a pipeline around them here. Those that have none get the default pipeline with
-- its stages from the application (tenants_without_pipeline), so that open screens hear of it.
-- Locks: access exclusive on pipeline_stages and deals while columns, constraints and indexes are made. Old code: neither
-- reads nor writes these two tables but for the titles that search shows.

create table pipelines (
  id          serial primary key,
  tenant_id   uuid not null references tenants on delete cascade,
  name        text not null check (name <> ''),
  is_default  boolean not null default false,
  version     integer not null default 1,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  deleted_at  timestamptz,
  unique (tenant_id, id),
  constraint pipelines_default_is_there check (not is_default or deleted_at is null)
);
-- At most one default, whoever seeds or chooses one at the same moment.
create unique index pipelines_one_default on pipelines (tenant_id) where is_default;
create unique index pipelines_one_per_name on pipelines (tenant_id, lower(name)) where deleted_at is null;

-- The owner of the tables is bound by row security as well, except here and for as long as this takes.
alter table pipeline_stages add column pipeline_id integer;
alter table pipeline_stages no force row level security;
alter table deals no force row level security;
insert into pipelines (tenant_id, name, is_default) select distinct tenant_id, 'Sales', true from pipeline_stages;
update pipeline_stages s set pipeline_id = p.id from pipelines p where p.tenant_id = s.tenant_id;
update pipeline_stages s set position = n.place
from (select id, row_number() over (partition by tenant_id order by position, id) as place from pipeline_stages) n
where n.id = s.id;
update deals set currency = 'XXX' where value_minor is not null and currency is null;
update deals set value_minor = null where value_minor < 0;
update deals d set probability = s.probability from pipeline_stages s
where d.probability is null and s.tenant_id = d.tenant_id and s.id = d.stage_id;
-- Keys as src/domain/deals/board-order.ts makes them: 'd' and four digits of base 62.
update deals d set position = 'd' || (
  select string_agg(substr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', floor(n.place / 62 ^ power)::integer % 62 + 1, 1), '' order by power desc)
  from generate_series(0, 3) power)
from (select id, row_number() over (partition by tenant_id, stage_id order by position, id) as place from deals) n
where n.id = d.id;
alter table pipeline_stages force row level security;
alter table deals force row level security;

call protect_tenant_table('pipelines');
grant usage on sequence pipelines_id_seq to switchboard_app;

alter table pipeline_stages
  alter column pipeline_id set not null,
  add constraint pipeline_stages_pipeline foreign key (tenant_id, pipeline_id) references pipelines (tenant_id, id),
  -- checked at the end of each statement, so that one statement can renumber all
  add constraint pipeline_stages_one_per_position
    exclude using btree (tenant_id with =, pipeline_id with =, position with =) where (deleted_at is null) deferrable;
create unique index pipeline_stages_one_per_name on pipeline_stages (tenant_id, pipeline_id, lower(name)) where deleted_at is null;

alter table deals
  add column title_key text generated always as (lower(title)) stored,
  alter column position type text collate "C",
  alter column position drop default,
  alter column probability set not null,
  add constraint deals_value_has_currency check (value_minor is null or currency is not null),
  add constraint deals_value_not_negative check (value_minor >= 0),
  add constraint deals_reason_of_closed check (lost_reason is null or closed_at is not null) not valid,
  -- deleted ones too, so that one that comes back takes nobody's place
  add constraint deals_one_per_position unique (tenant_id, stage_id, position) deferrable;
-- What lists compare is columns and CASE: under row security lower() and coalesce() are no conditions of an index.
create index deals_newest on deals (tenant_id, created_at desc, id desc);
create index deals_by_update on deals (tenant_id, updated_at desc, id desc);
create index deals_by_position on deals (tenant_id, position, id);
create index deals_by_title on deals (tenant_id, title_key, id);
create index deals_by_value on deals (tenant_id, (case when value_minor is null then -1 else value_minor end) desc, id desc);
create index deals_by_close on deals (tenant_id, (case when expected_close_on is null then 'infinity'::date else expected_close_on end), id);
create index deals_by_entry on deals (tenant_id, entered_stage_at, id);
create index deals_by_stage on deals (tenant_id, stage_id, created_at desc, id desc);
create index deals_by_owner on deals (tenant_id, owner_id, created_at desc, id desc);
create index deals_deleted on deals (tenant_id, created_at desc, id desc) where deleted_at is not null;
create index deals_by_customer on deals (tenant_id, customer_id, created_at desc, id desc) where customer_id is not null;
create index deals_by_contact on deals (tenant_id, contact_id, created_at desc, id desc) where contact_id is not null;

-- Where a deal has been. Append-only.
create table deal_stage_changes (
  tenant_id        uuid not null,
  id               uuid not null,
  deal_id          integer not null,
  -- null when the deal was made
  from_stage_id    integer,
  to_stage_id      integer not null,
  actor            jsonb not null,
  at               timestamptz not null,
  -- how long it had been in from_stage_id
  seconds_in_stage bigint check (seconds_in_stage >= 0),
  primary key (tenant_id, id),
  check ((from_stage_id is null) = (seconds_in_stage is null)),
  foreign key (tenant_id, deal_id) references deals (tenant_id, id) on delete cascade,
  foreign key (tenant_id, from_stage_id) references pipeline_stages (tenant_id, id),
  foreign key (tenant_id, to_stage_id) references pipeline_stages (tenant_id, id)
);
create index deal_stage_changes_of_deal on deal_stage_changes (tenant_id, deal_id, at desc, id desc);
create index deal_stage_changes_by_time on deal_stage_changes (tenant_id, at);
call protect_tenant_table('deal_stage_changes', 'select, insert');

-- Tenants that have never had a pipeline. Locks: none.
create function tenants_without_pipeline(at_most integer) returns table (tenant_id uuid) language sql stable as
$$ select t.id from tenants t where not exists (select from pipelines p where p.tenant_id = t.id) order by t.id limit at_most $$;
call make_router_function('tenants_without_pipeline(integer)');
grant select on pipelines to switchboard_router;

-- Deals by part of their title, as in 000012. In: a LIKE pattern; null, or whose deals beside nobody's may be found; the id
-- to go on below. Out: ids, newest first. Locks: none.
create function find_deals(title_like text, reader uuid, below integer, at_most integer)
returns table (deal_id integer) language sql stable as
$$ select d.id from deals d
   where d.tenant_id = (select current_tenant()) and d.deleted_at is null and (below is null or d.id < below)
     and search_key(d.title) like search_key(title_like) and (reader is null or d.owner_id is null or d.owner_id = reader)
   order by d.id desc limit at_most $$;
call make_router_function('find_deals(text, uuid, integer, integer)');
grant select on deals to switchboard_router;

-- Makes the index behind find_deals when both extensions are there; `call` it after create_search_indexes() otherwise.
create procedure create_deal_search_index() language plpgsql as $$
declare
  trigrams constant text := (select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm');
  scalars constant text := (select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'btree_gin');
begin
  if trigrams is not null and scalars is not null then
    execute format('create index if not exists deals_search on deals using gin (tenant_id %1$I.uuid_ops, search_key(title) %2$I.gin_trgm_ops)', scalars, trigrams);
  end if;
end $$;
call create_deal_search_index();
