-- What lists are sorted by and searched in, as columns, and the indexes that lists, totals and reports are read from.
--
-- Under row security an index answers only what is leakproof: lower() and coalesce() are not, so a page deep in a list by
-- name was read from its beginning. And what search looks at again, row by row, is now a text that is there instead of one
-- that is folded each time (a tenth of the time for a word that 30,000 customers have).
-- Locks: access exclusive on customers, contacts, deals, activities and tags while they are written anew with their new
-- columns and all of their indexes (two minutes for 1 M customers, 1 M deals, 0.5 M contacts and 0.5 M activities).
-- Old code: not affected; the functions keep their names and arguments.

drop index customers_by_name, contacts_by_name, activities_by_due, activities_by_assignee, activities_newest, activities_by_update,
  contacts_newest, contacts_by_update;
drop index if exists customers_search, contacts_search, deals_search;

alter table customers
  add column name_key text generated always as (lower(name)) stored,
  add column search_text text generated always as (customer_search_key(name, company, email, phone)) stored;
alter table contacts
  add column name_key text generated always as (lower(first_name || ' ' || coalesce(last_name, ''))) stored,
  add column search_text text generated always as (contact_search_key(first_name, last_name, profile_name, email)) stored;
alter table deals add column search_text text generated always as (search_key(title)) stored;
alter table activities add column search_text text generated always as (search_key(subject)) stored;
alter table tags add column name_key text generated always as (lower(name)) stored;

-- Who has what, in which state, comes last: so a filter is judged in the index while the list is walked in its order.
create index customers_by_name on customers (tenant_id, name_key, id, status, owner_id);
drop index customers_by_update;
create index customers_by_update on customers (tenant_id, updated_at desc, id desc, status, owner_id);
-- Without the deleted ones, so that reports count in the index alone.
drop index customers_by_status;
create index customers_by_status on customers (tenant_id, status, created_at desc, id desc) where deleted_at is null;
create index contacts_newest on contacts (tenant_id, created_at desc, id desc, blocked, is_group, is_primary);
create index contacts_by_update on contacts (tenant_id, updated_at desc, id desc, blocked, is_group, is_primary);
create index contacts_by_name on contacts (tenant_id, name_key, id, blocked, is_group, is_primary);
create index tags_by_name on tags (tenant_id, name_key, id);

-- What has no date comes after everything that has one.
create index activities_by_due on activities (tenant_id, (case when due_at is null then 'infinity'::timestamptz else due_at end), id, status, assignee_id);
create index activities_newest on activities (tenant_id, created_at desc, id desc, status, assignee_id, (case when due_at is null then 'infinity'::timestamptz else due_at end));
create index activities_by_update on activities (tenant_id, updated_at desc, id desc, status, assignee_id, (case when due_at is null then 'infinity'::timestamptz else due_at end));
create index activities_by_assignee on activities (tenant_id, assignee_id, (case when due_at is null then 'infinity'::timestamptz else due_at end), id);
-- Reports count these in the index alone.
create index activities_open on activities (tenant_id, (case when due_at is null then 'infinity'::timestamptz else due_at end), id, assignee_id) where status = 'open' and deleted_at is null;
create index activities_done on activities (tenant_id, completed_at) where status = 'done' and deleted_at is null;

drop index deals_by_update;
create index deals_by_update on deals (tenant_id, updated_at desc, id desc, stage_id, owner_id, (case when expected_close_on is null then 'infinity'::date else expected_close_on end), entered_stage_at);
-- Totals of stages, and what was won and lost when, from the index alone.
create index deals_totals on deals (tenant_id, stage_id, currency, owner_id) include (value_minor) where deleted_at is null;
drop index deal_stage_changes_by_time;
create index deal_stage_changes_by_time on deal_stage_changes (tenant_id, at) include (from_stage_id, deal_id, seconds_in_stage);
create index deals_closed on deals (tenant_id, closed_at) include (stage_id, currency, value_minor) where closed_at is not null and deleted_at is null;

-- By part of a text, as in 000012 and 000023. In: a LIKE pattern, folded here; whose deals beside nobody's, or null; the id to go
-- on below. Out: ids, newest first. First the newest 5,000 of the tenant (or twice as many as are wanted) are looked at as they
-- stand, which is enough for a frequent text; what is missing then is rare and found by its trigrams. Said in a way that
-- leaves the planner no choice: BETWEEN, because for one tenant it would walk the primary key through everybody's rows; id + 0,
-- because sorting a few matches is better than walking. Locks: none.
create or replace function find_customers(text_like text, below integer, at_most integer)
returns table (customer_id integer) language plpgsql stable set plan_cache_mode = 'force_custom_plan' as $$
declare
  tenant constant uuid := current_tenant();
  pattern constant text := search_key(text_like);
  bottom integer := coalesce(below, 2147483647);
  missing integer := at_most;
begin
  return query select c.id from (
      select n.* from customers n where n.tenant_id between tenant and tenant and n.id < bottom
      order by n.tenant_id desc, n.id desc limit greatest(5000, at_most * 2)) c
    where c.deleted_at is null and c.search_text like pattern order by c.id desc limit at_most;
  get diagnostics missing = row_count;
  missing := at_most - missing;
  if missing = 0 then return; end if;
  select min(w.id) into bottom from (
    select n.id from customers n where n.tenant_id between tenant and tenant and n.id < bottom
    order by n.tenant_id desc, n.id desc limit greatest(5000, at_most * 2)) w;
  return query select c.id from customers c
    where c.tenant_id = tenant and c.deleted_at is null and c.search_text like pattern and c.id < bottom
    order by c.id + 0 desc limit missing;
end $$;

create or replace function find_deals(title_like text, reader uuid, below integer, at_most integer)
returns table (deal_id integer) language plpgsql stable set plan_cache_mode = 'force_custom_plan' as $$
declare
  tenant constant uuid := current_tenant();
  pattern constant text := search_key(title_like);
  bottom integer := coalesce(below, 2147483647);
  missing integer := at_most;
begin
  return query select d.id from (
      select n.* from deals n where n.tenant_id between tenant and tenant and n.id < bottom
      order by n.tenant_id desc, n.id desc limit greatest(5000, at_most * 2)) d
    where d.deleted_at is null and d.search_text like pattern and (reader is null or d.owner_id is null or d.owner_id = reader) order by d.id desc limit at_most;
  get diagnostics missing = row_count;
  missing := at_most - missing;
  if missing = 0 then return; end if;
  select min(w.id) into bottom from (
    select n.id from deals n where n.tenant_id between tenant and tenant and n.id < bottom
    order by n.tenant_id desc, n.id desc limit greatest(5000, at_most * 2)) w;
  return query select d.id from deals d
    where d.tenant_id = tenant and d.deleted_at is null and d.search_text like pattern and d.id < bottom and (reader is null or d.owner_id is null or d.owner_id = reader)
    order by d.id + 0 desc limit missing;
end $$;

create function find_activities(text_like text, below integer, at_most integer)
returns table (activity_id integer) language plpgsql stable set plan_cache_mode = 'force_custom_plan' as $$
declare
  tenant constant uuid := current_tenant();
  pattern constant text := search_key(text_like);
  bottom integer := coalesce(below, 2147483647);
  missing integer := at_most;
begin
  return query select a.id from (
      select n.* from activities n where n.tenant_id between tenant and tenant and n.id < bottom
      order by n.tenant_id desc, n.id desc limit greatest(5000, at_most * 2)) a
    where a.deleted_at is null and a.search_text like pattern order by a.id desc limit at_most;
  get diagnostics missing = row_count;
  missing := at_most - missing;
  if missing = 0 then return; end if;
  select min(w.id) into bottom from (
    select n.id from activities n where n.tenant_id between tenant and tenant and n.id < bottom
    order by n.tenant_id desc, n.id desc limit greatest(5000, at_most * 2)) w;
  return query select a.id from activities a
    where a.tenant_id = tenant and a.deleted_at is null and a.search_text like pattern and a.id < bottom
    order by a.id + 0 desc limit missing;
end $$;

create function find_contact_names(text_like text, below integer, at_most integer)
returns table (contact_id integer) language plpgsql stable set plan_cache_mode = 'force_custom_plan' as $$
declare
  tenant constant uuid := current_tenant();
  pattern constant text := search_key(text_like);
  bottom integer := coalesce(below, 2147483647);
  missing integer := at_most;
begin
  return query select c.id from (
      select n.* from contacts n where n.tenant_id between tenant and tenant and n.id < bottom
      order by n.tenant_id desc, n.id desc limit greatest(5000, at_most * 2)) c
    where c.deleted_at is null and c.search_text like pattern order by c.id desc limit at_most;
  get diagnostics missing = row_count;
  missing := at_most - missing;
  if missing = 0 then return; end if;
  select min(w.id) into bottom from (
    select n.id from contacts n where n.tenant_id between tenant and tenant and n.id < bottom
    order by n.tenant_id desc, n.id desc limit greatest(5000, at_most * 2)) w;
  return query select c.id from contacts c
    where c.tenant_id = tenant and c.deleted_at is null and c.search_text like pattern and c.id < bottom
    order by c.id + 0 desc limit missing;
end $$;

-- By a name or by an address, each found in its own way.
create or replace function find_contacts(name_like text, address_like text, below integer, at_most integer)
returns table (contact_id integer) language plpgsql stable set plan_cache_mode = 'force_custom_plan' as $$
declare
  tenant constant uuid := current_tenant();
  top constant integer := coalesce(below, 2147483647);
begin
  return query
    select f.id from (
      (select n.contact_id as id from find_contact_names(name_like, below, at_most) n)
      union
      (select c.id from contacts c
       where address_like is not null and c.tenant_id = tenant and c.deleted_at is null and c.id < top and c.id in (
         select i.contact_id from contact_identities i where i.tenant_id = tenant and i.value like address_like)
       order by c.id + 0 desc limit at_most)) f
    order by f.id desc limit at_most;
end $$;

-- The indexes behind them when both extensions are there; `call` them after the extensions were created otherwise.
create or replace procedure create_search_indexes() language plpgsql as $$
declare
  trigrams constant text := (select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm');
  scalars constant text := (select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'btree_gin');
  target text;
begin
  if trigrams is null or scalars is null then
    raise warning 'search works without indexes until the extensions pg_trgm and btree_gin exist; see migration 000012_search';
    return;
  end if;
  foreach target in array array['customers', 'contacts', 'deals', 'activities'] loop
    execute format('create index if not exists %I on %I using gin (tenant_id %I.uuid_ops, search_text %I.gin_trgm_ops)',
      target || '_search', target, scalars, trigrams);
  end loop;
  execute format('create index if not exists contact_identities_search on contact_identities using gin
    (tenant_id %1$I.uuid_ops, value %2$I.gin_trgm_ops)', scalars, trigrams);
  execute format('create index if not exists messages_search on messages using gin
    (tenant_id %1$I.uuid_ops, to_tsvector(''pg_catalog.simple'', search_key(text))) where text is not null', scalars);
end $$;
drop procedure create_deal_search_index();
call create_search_indexes();
call make_router_function('find_customers(text, integer, integer)');
call make_router_function('find_deals(text, uuid, integer, integer)');
call make_router_function('find_activities(text, integer, integer)');
call make_router_function('find_contact_names(text, integer, integer)');
call make_router_function('find_contacts(text, text, integer, integer)');
analyze customers, contacts, deals, activities, tags;
