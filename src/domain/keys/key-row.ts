import type { KeyDetail, KeyView } from '../../contract/access.ts'

/** A key with its maker as they are now: their name, role and whether they may still come in. Of the table `api_keys`. */
export const keyColumns = `id, name, prefix, role, scopes, rate_per_minute as "ratePerMinute", expires_at as "expiresAt",
  last_used_at as "lastUsedAt", revoked_at as "revokedAt", created_at as "createdAt",
  (select jsonb_build_object('kind', api_keys.maker_kind, 'id', api_keys.maker_id,
     'name', coalesce(u.name, m.name, api_keys.maker_name), 'role', coalesce(u.role, m.role),
     'status', coalesce(u.status, case when m.id is null then null when m.revoked_at is not null then 'revoked'
       when m.expires_at <= now() then 'expired' else 'active' end))
   from (select 1) one
   left join users u on u.tenant_id = api_keys.tenant_id and u.id = api_keys.maker_id and api_keys.maker_kind = 'user'
   left join api_keys m on m.tenant_id = api_keys.tenant_id and m.id = api_keys.maker_id and api_keys.maker_kind = 'key'
   where api_keys.maker_kind is not null) as "createdBy"`

/** What events and the trail tell of a key; who made it is who acts there. */
export function presentKey({ createdBy: _maker, ...key }: KeyDetail): KeyView {
  return key
}
