import type { TenantTx } from '../../log/tenant-tx.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'

/**
 * Ends sign-ins of a user: one, or all but one (null: all). Their tokens are good for nothing from then on, and their
 * sockets end at once, because the log says so. What has ended stays so; then nothing is written.
 */
export async function endSessions(
  tx: TenantTx,
  by: Doer,
  userId: string,
  which: { readonly only: string } | { readonly except: string | null },
): Promise<void> {
  const [only, except] = 'only' in which ? [which.only, null] : [null, which.except]
  const ended = await tx.query<{ id: string }>(
    `update sign_in_sessions set ended_at = $3
     where tenant_id = $1 and user_id = $2 and ended_at is null
       and ($4::uuid is null or id = $4) and ($5::uuid is null or id <> $5) returning id`,
    [tx.tenantId, userId, tx.now, only, except],
  )
  if (ended.length === 0) return
  const sessionIds = ended.map(({ id }) => id)
  recordAudit(tx, { by, action: 'user.sign_out', entity: 'user', entityId: userId, after: { sessionIds } })
  tx.record('user.signed_out', { userId, sessionIds }, { kind: 'user', userId })
}
