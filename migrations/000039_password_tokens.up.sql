-- A secret with which somebody sets their own password, once: who was invited, and who forgot theirs. An admin hands it over.
-- One for each user; the next takes the place of the one before.
-- Locks: none (a new table). Old code: not affected.

create table password_tokens (
  tenant_id   uuid not null,
  user_id     uuid not null,
  hash        bytea not null unique,
  expires_at  timestamptz not null,
  primary key (tenant_id, user_id),
  foreign key (tenant_id, user_id) references users on delete cascade
);
call protect_tenant_table('password_tokens');

-- Whose is it? In: SHA-256 of the token. Out: at most one row. Locks: none.
create function password_token_by_hash(token_hash bytea)
returns table (tenant_id uuid, user_id uuid) language sql stable as
$$ select p.tenant_id, p.user_id from password_tokens p where p.hash = token_hash $$;
call make_router_function('password_token_by_hash(bytea)');
grant select on password_tokens to switchboard_router;
