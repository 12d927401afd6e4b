-- People of the platform next door, and sign-in of our own with e-mail and password.
--
-- Which tenant belongs to which business of the platform; which word about a person is the newest (claims_at: the iat of
-- the token that said it), so that an old token takes nothing back; and whether it was the platform that shut somebody
-- out, which is the only thing that its next word may undo.
-- Locks: access exclusive on tenants and users for a moment (columns whose default needs no rewrite, two indexes on
-- tenants). Old code: writes none of it; a user whom it changes is changed again by the next token.

alter table tenants add column platform_business_id bigint, add column platform_owner_id bigint;
alter table tenants add constraint tenants_one_per_business unique (platform_business_id);
alter table tenants add constraint tenants_one_per_owner unique (platform_owner_id);
alter table users add column claims_at timestamptz, add column shut_by_platform boolean not null default false;

-- Where a person of the platform is. In: the platform's id of them. Out: at most one row. Locks: none.
create function find_platform_user(platform_id bigint)
returns table (tenant_id uuid, user_id uuid, claims_at timestamptz) language sql stable as
$$ select u.tenant_id, u.id, u.claims_at from users u where u.platform_user_id = platform_id $$;
call make_router_function('find_platform_user(bigint)');

-- The tenants that a business of the platform, or somebody who owns one, may mean. Out: two rows at most. Locks: none.
create function find_platform_tenants(business bigint, owner bigint)
returns table (id uuid, platform_business_id bigint, platform_owner_id bigint) language sql stable as
$$ select t.id, t.platform_business_id, t.platform_owner_id from tenants t
   where t.platform_business_id = business or t.platform_owner_id = owner $$;
call make_router_function('find_platform_tenants(bigint, bigint)');
grant select on users to switchboard_router;

-- The password of a user, as scrypt left it. An address belongs to one person in the whole installation, so that an
-- address and a password say who it is.
create table user_passwords (
  tenant_id   uuid not null,
  user_id     uuid not null,
  -- in lower case
  email       text not null constraint user_passwords_one_per_email unique check (email = lower(email)),
  hash        text not null,
  changed_at  timestamptz not null,
  primary key (tenant_id, user_id),
  foreign key (tenant_id, user_id) references users on delete cascade
);
call protect_tenant_table('user_passwords');

-- Whose address is this? In: in lower case. Out: at most one row. Locks: none.
create function password_by_email(address text)
returns table (tenant_id uuid, user_id uuid, hash text) language sql stable as
$$ select p.tenant_id, p.user_id, p.hash from user_passwords p where p.email = address $$;
call make_router_function('password_by_email(text)');
grant select on user_passwords to switchboard_router;

-- Where somebody is signed in by password: one row per sign-in, until it is over. Only hashes of what the client keeps.
create table sign_in_sessions (
  tenant_id    uuid not null,
  id           uuid not null,
  user_id      uuid not null,
  secret_hash  bytea not null unique,
  -- the secret before; whoever shows it long after it was replaced has stolen it, or was stolen from
  former_hash  bytea unique,
  ip           text,
  user_agent   text,
  created_at   timestamptz not null,
  renewed_at   timestamptz not null,
  ended_at     timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, user_id) references users on delete cascade
);
create index sign_in_sessions_open on sign_in_sessions (tenant_id, user_id, renewed_at) where ended_at is null;
create index sign_in_sessions_age on sign_in_sessions (renewed_at);
call protect_tenant_table('sign_in_sessions');

-- Whose secret is this? In: its SHA-256. Out: at most one row; `is_former` when it was replaced. Locks: none.
create function sign_in_session_by_hash(hash bytea)
returns table (tenant_id uuid, id uuid, is_former boolean) language sql stable as
$$ select s.tenant_id, s.id, s.secret_hash <> hash from sign_in_sessions s
   where s.secret_hash = hash or s.former_hash = hash $$;
call make_router_function('sign_in_session_by_hash(bytea)');

-- Tries to sign in, by the hash of an address (and of where it comes from): also for addresses that nobody has, so that a
-- lock does not tell which ones there are. Belongs to no tenant; the application has these functions and no right to it.
create table sign_in_attempts (
  key    bytea primary key,
  tries  integer not null,
  since  timestamptz not null
);
create index sign_in_attempts_age on sign_in_attempts (since);

-- May this be tried at this moment? Counts it if so, before the password is looked at, so that many at once count as
-- many. Out: null, or until when not. `most` tries in `lock_seconds`, which begin anew with the last of them.
-- Locks: the row of the key.
create function count_sign_in(attempt bytea, at timestamptz, most integer, lock_seconds integer)
returns timestamptz language plpgsql as $$
declare
  found sign_in_attempts;
  lock_time interval := make_interval(secs => lock_seconds);
begin
  insert into sign_in_attempts (key, tries, since) values (attempt, 0, at) on conflict do nothing;
  select * into found from sign_in_attempts a where a.key = attempt for update;
  if found.since <= at - lock_time then
    found.tries := 0;
    found.since := at;
  end if;
  if found.tries >= most then return found.since + lock_time; end if;
  update sign_in_attempts a set tries = found.tries + 1, since = case when found.tries + 1 >= most then at else found.since end
  where a.key = attempt;
  return null;
end $$;
call make_router_function('count_sign_in(bytea, timestamptz, integer, integer)');

-- The password was right: tries before it do not count. Locks: the rows.
create function forget_sign_ins(attempts bytea[]) returns void language sql as
$$ delete from sign_in_attempts where key = any(attempts) $$;
call make_router_function('forget_sign_ins(bytea[])');

-- Sessions and tries that nobody asks for any more. Out: how many rows. Locks: the rows.
create function sweep_sign_ins(session_age interval, attempt_age interval) returns integer language sql as $$
  with sessions as (delete from sign_in_sessions where renewed_at < now() - session_age returning 1),
       attempts as (delete from sign_in_attempts where since < now() - attempt_age returning 1)
  select ((select count(*) from sessions) + (select count(*) from attempts))::integer $$;
call make_router_function('sweep_sign_ins(interval, interval)');
grant select, delete on sign_in_sessions to switchboard_router;
grant select, insert, update, delete on sign_in_attempts to switchboard_router;
