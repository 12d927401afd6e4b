-- Custom fields of contacts and deals, lists by the values of custom fields, and files of contacts and deals.
-- Locks: access exclusive on contacts, deals and imports for a moment (a column with a constant default is not written into
-- the rows); share on customers, contacts and deals while the indexes are built (they hold only records that have values).
-- Old code: neither reads nor writes the new columns.

alter table contacts add column custom_fields jsonb not null default '{}';
alter table deals add column custom_fields jsonb not null default '{}';

-- Values as they are indexed: under the id of their tenant, so that an entry of the index is of one tenant, one field and one value.
create function tenant_values(tenant uuid, custom_fields jsonb) returns jsonb language sql immutable strict parallel safe
return jsonb_build_object(tenant::text, custom_fields);

create index customers_by_values on customers using gin (tenant_values(tenant_id, custom_fields) jsonb_path_ops) where custom_fields <> '{}';
create index contacts_by_values on contacts using gin (tenant_values(tenant_id, custom_fields) jsonb_path_ops) where custom_fields <> '{}';
create index deals_by_values on deals using gin (tenant_values(tenant_id, custom_fields) jsonb_path_ops) where custom_fields <> '{}';

-- Records by exact values of their custom fields, deleted ones too. In: the values by key, at least one. Out: ids in no order.
-- Functions, because under row security no index answers @> (it is not leakproof); `execute`, because a plan that is made
-- without knowing the values reads the whole table. Locks: none.
create function customers_with_values(wanted jsonb, at_most integer) returns table (record_id integer) language plpgsql stable as $$
begin
  return query execute $find$
    select id from customers where custom_fields <> '{}' and tenant_values(tenant_id, custom_fields) @> $1 limit $2 $find$
    using tenant_values(current_tenant(), wanted), at_most;
end $$;
call make_router_function('customers_with_values(jsonb, integer)');

create function contacts_with_values(wanted jsonb, at_most integer) returns table (record_id integer) language plpgsql stable as $$
begin
  return query execute $find$
    select id from contacts where custom_fields <> '{}' and tenant_values(tenant_id, custom_fields) @> $1 limit $2 $find$
    using tenant_values(current_tenant(), wanted), at_most;
end $$;
call make_router_function('contacts_with_values(jsonb, integer)');

create function deals_with_values(wanted jsonb, at_most integer) returns table (record_id integer) language plpgsql stable as $$
begin
  return query execute $find$
    select id from deals where custom_fields <> '{}' and tenant_values(tenant_id, custom_fields) @> $1 limit $2 $find$
    using tenant_values(current_tenant(), wanted), at_most;
end $$;
call make_router_function('deals_with_values(jsonb, integer)');

alter table imports
  drop constraint imports_entity_check,
  add constraint imports_entity_check check (entity in ('customer', 'contact', 'deal'));
-- Where the browser writes; object_key is the copy that it cannot reach, once there is one.
alter table imports add column upload_key text;
alter table imports no force row level security;
update imports set upload_key = object_key where state = 'awaiting_upload';
alter table imports force row level security;
-- Imports that ended long ago are deleted with what was wrong with their rows.
grant delete on imports, import_errors to switchboard_app;
create index imports_ended on imports (finished_at) where finished_at is not null;
create index imports_with_files on imports (finished_at) where finished_at is not null and num_nonnulls(object_key, upload_key) > 0;
create index imports_awaited on imports (created_at) where state = 'awaiting_upload';

-- The tenant's contacts with an e-mail address, whatever its case. A function for the reason of customers_with_email. Out: the
-- two with the lowest ids. Locks: none.
create function contacts_with_email(wanted text) returns table (contact_id integer) language sql stable as $$
  select c.id from contacts c
  where c.tenant_id = (select current_tenant()) and lower(c.email) = lower(wanted) and c.email is not null and c.deleted_at is null
  order by c.id limit 2 $$;
call make_router_function('contacts_with_email(text)');

-- Imports whose time is over (`is_over`): they ended, or were announced and never started, longer ago than they are kept; and those
-- that ended, whose signed address is no longer good, and that still have files. Out: the oldest of each. Locks: none.
create function imports_to_tidy(keep interval, signed interval, at_most integer)
returns table (tenant_id uuid, import_id uuid, files text[], is_over boolean) language sql stable as $$
  select i.tenant_id, i.id, array_remove(array[i.object_key, i.upload_key], null), true from (
    (select * from imports e where e.finished_at < now() - keep order by e.finished_at limit at_most)
    union all
    (select * from imports a where a.state = 'awaiting_upload' and a.created_at < now() - keep order by a.created_at limit at_most)) i
  union all
  (select f.tenant_id, f.id, array_remove(array[f.object_key, f.upload_key], null), false from imports f
   where f.finished_at >= now() - keep and num_nonnulls(f.object_key, f.upload_key) > 0 and f.created_at < now() - signed
   order by f.finished_at limit at_most) $$;
call make_router_function('imports_to_tidy(interval, interval, integer)');
