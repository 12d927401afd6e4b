-- Capital letters of every script are folded for search, also where the locale of the database knows those of English alone
-- (C, as of the one-command start): there nothing that has a capital Cyrillic or Greek letter could be found.
-- Locks: none where lower() knows them already. Elsewhere row exclusive on customers, contacts, deals and activities, of which the rows
-- in other scripts are written once more, and share on messages while their index is built anew. Old code: not affected.
do $do$
declare
  wanted constant text := (
    select format('pg_catalog.%I', collname) from pg_collation
    where collnamespace = 'pg_catalog'::regnamespace and collname in ('pg_unicode_fast', 'und-x-icu', 'pg_c_utf8')
      and collencoding in (-1, pg_char_to_encoding(getdatabaseencoding()))
    order by array_position(array['pg_unicode_fast', 'und-x-icu', 'pg_c_utf8'], collname::text) limit 1);
begin
  if lower('И') = 'и' then return; end if;
  if wanted is null then
    raise warning 'search knows capital letters of English alone: this database has locale C and no Unicode collation';
    return;
  end if;
  -- As in 000012.
  execute format($f$create or replace function search_key(given text) returns text language sql immutable strict parallel safe as
$$ select lower(translate(regexp_replace(normalize(given, NFKD), '[\u0300-\u036f]', '', 'g'), 'ŁłØøĐđıƏə', 'LlOoDdiEe') collate %s) $$ $f$, wanted);

  -- Rows whose text is folded in another way now are written once more, and with them their entries in the indexes.
  alter table customers no force row level security;
  alter table contacts no force row level security;
  alter table deals no force row level security;
  alter table activities no force row level security;
  alter table messages no force row level security;
  update customers set name = name where search_text is distinct from customer_search_key(name, company, email, phone);
  update contacts set first_name = first_name where search_text is distinct from contact_search_key(first_name, last_name, profile_name, email);
  update deals set title = title where search_text is distinct from search_key(title);
  update activities set subject = subject where search_text is distinct from search_key(subject);
  if to_regclass('messages_search') is not null
    and exists (select from messages where octet_length(text) <> char_length(text)) then
    reindex index messages_search;
  end if;
  alter table customers force row level security;
  alter table contacts force row level security;
  alter table deals force row level security;
  alter table activities force row level security;
  alter table messages force row level security;
end $do$;
