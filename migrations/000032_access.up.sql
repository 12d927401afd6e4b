-- Who works on which number, keys with a rate of their own, people who were invited before they came.
-- Locks: access exclusive on channels and api_keys for a moment (a column each, without rewriting). Old code: sees every
-- channel as open to everybody and keys without a rate of their own, as before; it does not know the two columns.

-- closed: only its members (and who sees everything anyway) see the conversations of this number
alter table channels add column members_only boolean not null default false;
create index channels_members_only on channels (tenant_id) where members_only;

create table channel_members (
  tenant_id   uuid not null,
  channel_id  uuid not null,
  user_id     uuid not null,
  primary key (tenant_id, channel_id, user_id),
  foreign key (tenant_id, channel_id) references channels on delete cascade,
  foreign key (tenant_id, user_id) references users on delete cascade
);
create index channel_members_by_user on channel_members (tenant_id, user_id);
call protect_tenant_table('channel_members');

-- requests of this key per minute; null: as many as anybody
alter table api_keys add column rate_per_minute integer check (rate_per_minute between 1 and 1000000);

drop function api_key_by_hash(bytea);
-- Whose key is this? In: SHA-256 of the key. Locks: none.
create function api_key_by_hash(key_hash bytea)
returns table (tenant_id uuid, id uuid, name text, role text, scopes text[], expires_at timestamptz, revoked_at timestamptz, tenant_status text, rate_per_minute integer)
language sql stable as $$
  select k.tenant_id, k.id, k.name, k.role, k.scopes, k.expires_at, k.revoked_at, t.status, k.rate_per_minute
  from api_keys k join tenants t on t.id = k.tenant_id where k.hash = key_hash $$;
call make_router_function('api_key_by_hash(bytea)');

-- Somebody who was invited is known by their e-mail address alone until they come; an address is invited once.
create unique index users_invited on users (tenant_id, lower(email)) where issuer = 'invited';
create index users_by_email on users (tenant_id, lower(email)) where email is not null;
