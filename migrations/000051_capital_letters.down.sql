do $do$
begin
  if lower('И') = 'и' then return; end if;
  create or replace function search_key(given text) returns text language sql immutable strict parallel safe as
$$ select lower(translate(regexp_replace(normalize(given, NFKD), '[\u0300-\u036f]', '', 'g'), 'ŁłØøĐđıƏə', 'LlOoDdiEe')) $$;

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
