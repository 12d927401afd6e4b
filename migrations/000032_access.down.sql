drop index users_by_email;
drop index users_invited;
drop function api_key_by_hash(bytea);
create function api_key_by_hash(key_hash bytea)
returns table (tenant_id uuid, id uuid, name text, role text, scopes text[], expires_at timestamptz, revoked_at timestamptz, tenant_status text)
language sql stable as $$
  select k.tenant_id, k.id, k.name, k.role, k.scopes, k.expires_at, k.revoked_at, t.status
  from api_keys k join tenants t on t.id = k.tenant_id where k.hash = key_hash $$;
call make_router_function('api_key_by_hash(bytea)');
alter table api_keys drop column rate_per_minute;
drop table channel_members;
drop index channels_members_only;
alter table channels drop column members_only;
