create or replace function analyze_grown(names text[]) returns setof text language plpgsql security definer as $$
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
