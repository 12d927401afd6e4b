-- Keys of those who operate the installation, which are of no tenant; and who made each key of a tenant, so that it is seen when
-- they are gone.
-- Locks: access exclusive on api_keys for a moment (columns without default). Old code: makes keys without saying who did.

create table operator_keys (
  id            uuid primary key,
  name          text not null check (name <> ''),
  -- shown in lists; the key itself is shown once
  prefix        text not null,
  hash          bytea not null unique,
  expires_at    timestamptz,
  made_by       text not null,
  created_at    timestamptz not null,
  last_used_at  timestamptz,
  revoked_at    timestamptz,
  revoked_by    text
);

-- The application has these functions and no right to the table.

create function make_operator_key(key_id uuid, name text, prefix text, hash bytea, expires timestamptz, by text, at timestamptz)
returns void language sql as
$$ insert into operator_keys (id, name, prefix, hash, expires_at, made_by, created_at)
   values (key_id, name, prefix, hash, expires, by, at) $$;
call make_router_function('make_operator_key(uuid, text, text, bytea, timestamptz, text, timestamptz)');

-- Whose key is this? In: SHA-256 of the key. Notes once a minute that it is in use. Out: at most one row, of a key that is not
-- revoked. Locks: the row, when it notes.
create function enter_with_operator_key(key_hash bytea, at timestamptz)
returns table (id uuid, name text, expires_at timestamptz) language sql as $$
  update operator_keys k set last_used_at = at
  where k.hash = key_hash and k.revoked_at is null and (k.expires_at is null or k.expires_at > at)
    and (k.last_used_at is null or k.last_used_at < at - interval '1 minute');
  select k.id, k.name, k.expires_at from operator_keys k where k.hash = key_hash and k.revoked_at is null $$;
call make_router_function('enter_with_operator_key(bytea, timestamptz)');

create function list_operator_keys()
returns table (id uuid, name text, prefix text, expires_at timestamptz, made_by text, created_at timestamptz,
  last_used_at timestamptz, revoked_at timestamptz, revoked_by text) language sql stable as
$$ select k.id, k.name, k.prefix, k.expires_at, k.made_by, k.created_at, k.last_used_at, k.revoked_at, k.revoked_by
   from operator_keys k order by k.id desc $$;
call make_router_function('list_operator_keys()');

-- Ends a key for good. Out: whether it had not ended so before. Locks: the row.
create function revoke_operator_key(key_id uuid, by text, at timestamptz) returns boolean language sql as $$
  with revoked as (
    update operator_keys set revoked_at = at, revoked_by = by where id = key_id and revoked_at is null returning 1
  ) select exists (select from revoked) $$;
call make_router_function('revoke_operator_key(uuid, text, timestamptz)');
grant select, insert, update on operator_keys to switchboard_router;

-- null: from before this was kept
alter table api_keys
  add column maker_kind text check (maker_kind in ('user', 'key', 'system')),
  add column maker_id uuid,
  add column maker_name text;
create index api_keys_by_maker on api_keys (tenant_id, maker_id) where maker_id is not null;
