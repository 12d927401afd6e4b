import type { Role } from '../../contract/records.ts'

/** What is known of a key; the key itself is known to its holder only. Times are ISO text. */
export interface KeyView {
  readonly id: string
  readonly name: string
  /** How the key begins, to tell keys apart. */
  readonly prefix: string
  readonly role: Role
  /** Actions that it is limited to; empty: all that its role may. */
  readonly scopes: readonly string[]
  readonly expiresAt: string | null
  readonly lastUsedAt: string | null
  readonly revokedAt: string | null
  readonly createdAt: string
}

export const keyColumns = `id, name, prefix, role, scopes, expires_at as "expiresAt", last_used_at as "lastUsedAt",
  revoked_at as "revokedAt", created_at as "createdAt"`
