-- A look at a table that has grown reads its columns and leaves what indexes compute to autovacuum. Locks: none.

-- The full-text index makes the words of 30,000 sampled messages each time: 700 of 770 ms, in which the next message waits where there are
-- two processors. Nothing is counted as looked at here, so autovacuum does the whole within its minute.
create or replace function analyze_grown(names text[]) returns setof text language plpgsql security definer as $$
declare
  grown record;
begin
  for grown in
    select c.relname as name, string_agg(quote_ident(a.attname), ', ' order by a.attnum) as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' and c.relname = any(names)
      and pg_relation_size(c.oid) / current_setting('block_size')::integer > 2 * greatest(c.relpages, 0) + 10
    group by c.oid, c.relname
  loop
    execute format('analyze (skip_locked) %I (%s)', grown.name, grown.columns);
    return next grown.name;
  end loop;
end $$;
do $$ begin
  execute format('alter function analyze_grown(text[]) set search_path = %I, pg_temp', current_schema());
end $$;
