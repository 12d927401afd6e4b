export type { KeyView } from '../../contract/access.ts'

export const keyColumns = `id, name, prefix, role, scopes, rate_per_minute as "ratePerMinute", expires_at as "expiresAt",
  last_used_at as "lastUsedAt", revoked_at as "revokedAt", created_at as "createdAt"`
