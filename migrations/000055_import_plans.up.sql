-- Plans of imports that do not hang on how large tables are. Locks: access exclusive on import_draft_keys, share row exclusive on
-- imports, for a moment: only running dry runs have rows there. Old code: a dry run that it ends leaves its keys until the import goes.

-- Each way to look for the keys of a dry run has one index that serves it, and they go with their import. Both indexes began with the
-- import; the tables are empty before a dry run, so the server knew nothing of them and could take the wrong one: to end a dry run
-- of n records it read n times all keys of its file.
alter table import_draft_keys
  drop constraint import_draft_keys_tenant_id_import_id_record_id_fkey,
  drop constraint import_draft_keys_pkey,
  add primary key (record_id, import_id, tenant_id, key),
  add foreign key (tenant_id, import_id) references imports (tenant_id, id) on delete cascade;
drop index import_draft_keys_by_key;
create index import_draft_keys_by_key on import_draft_keys (key, import_id, tenant_id);

-- Lets the planner know of those of these tables that have grown to more than twice of what it knows. Until then it has plans for a table of a
-- few rows, foreign keys included, which read all of what came since; autovacuum looks once a minute, in which an import
-- writes 100,000 rows. Out: the tables. Locks: share update exclusive on each until the end of the transaction; one that somebody has is
-- passed over, because they do the same.
create function analyze_grown(names text[]) returns setof text language plpgsql security definer as $$
declare
  grown text;
begin
  for grown in
    select c.relname from pg_class c
    where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' and c.relname = any(names)
      and pg_relation_size(c.oid) / current_setting('block_size')::integer > 2 * greatest(c.relpages, 0) + 10
  loop
    execute format('analyze (skip_locked) %I', grown);
    return next grown;
  end loop;
end $$;
do $$ begin
  execute format('alter function analyze_grown(text[]) set search_path = %I, pg_temp', current_schema());
end $$;
revoke all on function analyze_grown(text[]) from public;
grant execute on function analyze_grown(text[]) to switchboard_app;
