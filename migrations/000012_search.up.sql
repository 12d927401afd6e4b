-- Search by part of a name, an address or a word. Case and accents do not matter: search_key folds them.
--
-- Row-level security keeps an index from answering LIKE and @@ (neither is leakproof), so what finds ids runs in
-- functions of switchboard_router that name the tenant of the transaction themselves; they give ids and nothing else.
--
-- The indexes need the extensions pg_trgm and btree_gin, which an ordinary owner may create since PostgreSQL 13 (both
-- are trusted) where the server has its contrib package and the owner may create in the database. Where that is not so,
-- everything works without the indexes, by reading the tenant's rows; create the extensions, then run
-- `call create_search_indexes()` as the owner. They may be in any schema and stay when this is taken back: a neighbour
-- may use them.
-- Locks: share on contacts, contact_identities, customers and messages while the indexes are built. Old code: not affected.

-- Letters without their marks, in lower case: "Éloïse Łódź" is "eloise lodz".
create function search_key(given text) returns text language sql immutable strict parallel safe as
$$ select lower(translate(regexp_replace(normalize(given, NFKD), '[\u0300-\u036f]', '', 'g'), 'ŁłØøĐđıƏə', 'LlOoDdiEe')) $$;

-- What a contact is found by besides its addresses. The bodies are bound here (no dollar quotes): since PostgreSQL 17 indexes
-- are built without our schema in the search path.
create function contact_search_key(first_name text, last_name text, profile_name text, email text)
returns text language sql immutable parallel safe
return search_key(coalesce(first_name, '') || ' ' || coalesce(last_name, '') || ' ' || coalesce(profile_name, '') || ' ' || coalesce(email, ''));

create function customer_search_key(name text, company text, email text, phone text)
returns text language sql immutable parallel safe
return search_key(name || ' ' || coalesce(company, '') || ' ' || coalesce(email, '') || ' ' || coalesce(phone, ''));

-- Contacts by part of a name or of an address. In: two LIKE patterns (of a name; of an address, or null) and the
-- id to go on below. Out: ids, newest first. Locks: none.
create function find_contacts(name_like text, address_like text, below integer, at_most integer)
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

create function find_customers(text_like text, below integer, at_most integer)
returns table (customer_id integer) language sql stable as
$$ select c.id from customers c
   where c.tenant_id = (select current_tenant()) and c.deleted_at is null and (below is null or c.id < below)
     and customer_search_key(c.name, c.company, c.email, c.phone) like search_key(text_like)
   order by c.id desc limit at_most $$;
call make_router_function('find_customers(text, integer, integer)');

-- Messages by words. In: a tsquery as text; the time and id to go on below. Out: ids, newest first,
-- of all conversations: the caller must leave out what its reader may not see. Locks: none.
create function find_messages(words text, below_at timestamptz, below_id uuid, at_most integer)
returns table (message_id uuid, sent_at timestamptz) language sql stable as
$$ select m.id, m.sent_at from messages m
   where m.tenant_id = (select current_tenant()) and m.text is not null and m.deleted_at is null
     and to_tsvector('pg_catalog.simple', search_key(m.text)) @@ to_tsquery('pg_catalog.simple', search_key(words))
     and (below_at is null or (m.sent_at, m.id) < (below_at, below_id))
   order by m.sent_at desc, m.id desc limit at_most $$;
call make_router_function('find_messages(text, timestamptz, uuid, integer)');

grant select on contacts, contact_identities, customers to switchboard_router;

-- Makes the indexes when both extensions are there, wherever they are. Safe to call again.
create procedure create_search_indexes() language plpgsql as $$
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

do $$
begin
  create extension if not exists pg_trgm;
  create extension if not exists btree_gin;
exception when insufficient_privilege or undefined_file or feature_not_supported then
  raise warning 'the extensions pg_trgm and btree_gin cannot be created here: %', sqlerrm;
end $$;
call create_search_indexes();

-- Lists of a team, and of what is nobody's.
create index conversations_by_team on conversations (tenant_id, team_id, last_activity_at desc, id desc);
