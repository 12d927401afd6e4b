-- Keys of programs, the audit trail, and answers that were given already. Locks: none (new tables). Old code: not affected.

create table api_keys (
  tenant_id     uuid not null references tenants on delete cascade,
  id            uuid not null,
  name          text not null check (name <> ''),
  -- shown in lists; the key itself is shown once
  prefix        text not null,
  hash          bytea not null unique,
  role          text not null check (role in ('admin', 'manager', 'agent', 'viewer')),
  scopes        text[] not null default '{}',
  expires_at    timestamptz,
  last_used_at  timestamptz,
  revoked_at    timestamptz,
  created_at    timestamptz not null default now(),
  primary key (tenant_id, id)
);
call protect_tenant_table('api_keys');

-- Whose key is this? In: SHA-256 of the key. Locks: none.
create function api_key_by_hash(key_hash bytea)
returns table (tenant_id uuid, id uuid, name text, role text, scopes text[], expires_at timestamptz, revoked_at timestamptz, tenant_status text)
language sql stable as $$
  select k.tenant_id, k.id, k.name, k.role, k.scopes, k.expires_at, k.revoked_at, t.status
  from api_keys k join tenants t on t.id = k.tenant_id where k.hash = key_hash $$;
call make_router_function('api_key_by_hash(bytea)');
grant select on api_keys to switchboard_router;

create table audit_logs (
  id           bigserial primary key,
  tenant_id    uuid not null references tenants on delete cascade,
  actor        jsonb not null,
  action       text not null,
  entity       text not null,
  entity_id    text not null,
  -- secrets are masked before they come here
  before       jsonb,
  after        jsonb,
  ip           text,
  request_id   text,
  created_at   timestamptz not null default now()
);
create index audit_logs_newest on audit_logs (tenant_id, id desc);
create index audit_logs_of_entity on audit_logs (tenant_id, entity, entity_id, id desc);
call protect_tenant_table('audit_logs', 'select, insert');
grant usage on sequence audit_logs_id_seq to switchboard_app;

create table idempotency_keys (
  tenant_id    uuid not null references tenants on delete cascade,
  actor_id     text not null,
  key          text not null,
  -- of method, path and body: the same key with another request is refused
  fingerprint  bytea not null,
  status       integer,
  body         jsonb,
  headers      jsonb,
  created_at   timestamptz not null default now(),
  primary key (tenant_id, actor_id, key)
);
create index idempotency_keys_age on idempotency_keys (created_at);
call protect_tenant_table('idempotency_keys');

create function sweep_idempotency_keys(keep interval) returns integer language sql as $$
  with gone as (delete from idempotency_keys where created_at < now() - keep returning 1)
  select count(*)::integer from gone $$;
call make_router_function('sweep_idempotency_keys(interval)');
grant select, delete on idempotency_keys to switchboard_router;
