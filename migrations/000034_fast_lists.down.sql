drop index if exists customers_search, contacts_search, deals_search, activities_search;
drop function find_activities(text, integer, integer);
create or replace function find_contacts(name_like text, address_like text, below integer, at_most integer)
returns table (contact_id integer) language sql stable as
$$ select c.id from contacts c
   where c.tenant_id = (select current_tenant()) and c.deleted_at is null and (below is null or c.id < below)
     and c.id in (
       select f.id from contacts f
       where f.tenant_id = (select current_tenant()) and contact_search_key(f.first_name, f.last_name, f.profile_name, f.email) like search_key(name_like)
       union all
       select i.contact_id from contact_identities i
       where i.tenant_id = (select current_tenant()) and address_like is not null and i.value like address_like)
   order by c.id desc limit at_most $$;
call make_router_function('find_contacts(text, text, integer, integer)');
drop function find_contact_names(text, integer, integer);
create or replace function find_customers(text_like text, below integer, at_most integer)
returns table (customer_id integer) language sql stable as
$$ select c.id from customers c
   where c.tenant_id = (select current_tenant()) and c.deleted_at is null and (below is null or c.id < below)
     and customer_search_key(c.name, c.company, c.email, c.phone) like search_key(text_like)
   order by c.id desc limit at_most $$;
call make_router_function('find_customers(text, integer, integer)');
create or replace function find_deals(title_like text, reader uuid, below integer, at_most integer)
returns table (deal_id integer) language sql stable as
$$ select d.id from deals d
   where d.tenant_id = (select current_tenant()) and d.deleted_at is null and (below is null or d.id < below)
     and search_key(d.title) like search_key(title_like) and (reader is null or d.owner_id is null or d.owner_id = reader)
   order by d.id desc limit at_most $$;
call make_router_function('find_deals(text, uuid, integer, integer)');
create or replace procedure create_search_indexes() language plpgsql as $$
declare
  trigrams constant text := (select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm');
  scalars constant text := (select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'btree_gin');
begin
  if trigrams is null or scalars is null then
    raise warning 'search works without indexes until the extensions pg_trgm and btree_gin exist; see migration 000012_search';
    return;
  end if;
  execute format('create index if not exists contacts_search on contacts using gin
    (tenant_id %1$I.uuid_ops, contact_search_key(first_name, last_name, profile_name, email) %2$I.gin_trgm_ops)', scalars, trigrams);
  execute format('create index if not exists contact_identities_search on contact_identities using gin
    (tenant_id %1$I.uuid_ops, value %2$I.gin_trgm_ops)', scalars, trigrams);
  execute format('create index if not exists customers_search on customers using gin
    (tenant_id %1$I.uuid_ops, customer_search_key(name, company, email, phone) %2$I.gin_trgm_ops)', scalars, trigrams);
  execute format('create index if not exists messages_search on messages using gin
    (tenant_id %1$I.uuid_ops, to_tsvector(''pg_catalog.simple'', search_key(text))) where text is not null', scalars);
end $$;
create procedure create_deal_search_index() language plpgsql as $$
declare
  trigrams constant text := (select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm');
  scalars constant text := (select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'btree_gin');
begin
  if trigrams is not null and scalars is not null then
    execute format('create index if not exists deals_search on deals using gin (tenant_id %1$I.uuid_ops, search_key(title) %2$I.gin_trgm_ops)', scalars, trigrams);
  end if;
end $$;
drop index deal_stage_changes_by_time, deals_by_update, deals_closed, deals_totals, activities_done, activities_open, activities_by_assignee, activities_by_due, activities_newest, activities_by_update, tags_by_name,
  contacts_newest, contacts_by_update, contacts_by_name, customers_by_status, customers_by_update, customers_by_name;
alter table tags drop column name_key;
alter table activities drop column search_text;
alter table deals drop column search_text;
alter table contacts drop column search_text, drop column name_key;
alter table customers drop column search_text, drop column name_key;
create index customers_by_update on customers (tenant_id, updated_at desc, id desc);
create index customers_by_name on customers (tenant_id, lower(name), id);
create index customers_by_status on customers (tenant_id, status, created_at desc, id desc);
create index deal_stage_changes_by_time on deal_stage_changes (tenant_id, at);
create index deals_by_update on deals (tenant_id, updated_at desc, id desc);
create index contacts_newest on contacts (tenant_id, created_at desc, id desc);
create index contacts_by_update on contacts (tenant_id, updated_at desc, id desc);
create index contacts_by_name on contacts (tenant_id, lower(first_name || ' ' || coalesce(last_name, '')), id);
create index activities_newest on activities (tenant_id, created_at desc, id desc);
create index activities_by_update on activities (tenant_id, updated_at desc, id desc);
create index activities_by_due on activities (tenant_id, coalesce(due_at, 'infinity'::timestamptz), id);
create index activities_by_assignee on activities (tenant_id, assignee_id, coalesce(due_at, 'infinity'::timestamptz), id);
call create_search_indexes();
call create_deal_search_index();
