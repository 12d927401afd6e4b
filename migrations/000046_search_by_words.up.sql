-- Search by words in whatever order, all of which must be there, and by a number in all the ways that it may be written.
--
-- As in 000034: first the newest rows are looked at as they stand, then trigrams find what is missing. The statement is
-- made of the patterns, because LIKE ALL (array) is answered by no index, one LIKE for each is: by one scan of it that
-- meets all of their trigrams.
-- Locks: none. Old code: not affected; the functions of 000034 stay for processes of the release before.

-- Ids of records whose text is like all of the words, or like one of the others; newest first. In: customers, contacts, deals
-- or activities; LIKE patterns, folded here; whether deleted ones count; the id to go on below. Locks: none.
create function match_records(target text, words text[], others text[], deleted_too boolean, below integer, at_most integer)
returns table (record_id integer) language plpgsql stable as $$
declare
  tenant constant uuid := current_tenant();
  top constant integer := coalesce(below, 2147483647);
  newest constant integer := greatest(5000, at_most * 2);
  condition constant text := (
    select string_agg(format('c.search_text like %L', search_key(w.pattern)), ' and ') from unnest(words) w(pattern))
    || coalesce((
    select ' or ' || string_agg(format('c.search_text like %L', search_key(o.pattern)), ' or ') from unnest(others) o(pattern)), '');
  bottom integer;
  missing integer;
begin
  if target not in ('customers', 'contacts', 'deals', 'activities') then
    raise exception 'there is no search in %', target using errcode = 'undefined_table';
  end if;
  return query execute format(
    'select c.id from (
       select n.* from %I n where n.tenant_id between $1 and $1 and n.id < $2
       order by n.tenant_id desc, n.id desc limit $3) c
     where ($5 or c.deleted_at is null) and (%s) order by c.id desc limit $4', target, condition)
    using tenant, top, newest, at_most, deleted_too;
  get diagnostics missing = row_count;
  missing := at_most - missing;
  if missing = 0 then return; end if;
  execute format(
    'select min(w.id) from (
       select n.id from %I n where n.tenant_id between $1 and $1 and n.id < $2
       order by n.tenant_id desc, n.id desc limit $3) w', target)
    into bottom using tenant, top, newest;
  return query execute format(
    'select c.id from %I c
     where c.tenant_id = $1 and ($4 or c.deleted_at is null) and (%s) and c.id < $2
     order by c.id + 0 desc limit $3', target, condition)
    using tenant, coalesce(bottom, top), missing, deleted_too;
end $$;
call make_router_function('match_records(text, text[], text[], boolean, integer, integer)');

-- Contacts by words of their names or by one of these patterns of an address. Locks: none.
create function match_contacts(words text[], addresses text[], deleted_too boolean, below integer, at_most integer)
returns table (record_id integer) language plpgsql stable as $$
declare
  tenant constant uuid := current_tenant();
  top constant integer := coalesce(below, 2147483647);
  condition constant text := (select string_agg(format('i.value like %L', a.pattern), ' or ') from unnest(addresses) a(pattern));
begin
  if condition is null then
    return query select n.record_id from match_records('contacts', words, '{}', deleted_too, below, at_most) n;
    return;
  end if;
  return query execute format(
    'select f.id from (
       (select n.record_id as id from match_records(''contacts'', $1, ''{}'', $6, $2, $3) n)
       union
       (select c.id from contacts c
        where c.tenant_id = $4 and ($6 or c.deleted_at is null) and c.id < $5 and c.id in (
          select i.contact_id from contact_identities i where i.tenant_id = $4 and (%s))
        order by c.id + 0 desc limit $3)) f
     order by f.id desc limit $3', condition)
    using words, below, at_most, tenant, top, deleted_too;
end $$;
call make_router_function('match_contacts(text[], text[], boolean, integer, integer)');
