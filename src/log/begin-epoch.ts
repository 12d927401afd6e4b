import { Failure } from '../contract/errors.ts'
import type { Position } from '../contract/position.ts'
import type { LogDeps, TenantTx } from './tenant-tx.ts'

/**
 * Begins a new epoch of a tenant's log: its past was rewritten (a backup was restored, a failover lost its tail), and
 * positions of before may name other events by now. Whoever holds one is told so by `reset` and loads a snapshot. Events of
 * former epochs stay where they are. Answers with the heads before and after.
 * Locks: the tenant's head row, until commit; nothing slow may follow.
 */
export async function beginEpoch(
  deps: Pick<LogDeps, 'doorbell'>,
  tx: TenantTx,
): Promise<{ before: Position; after: Position }> {
  const [row] = await tx.query<{ epoch: number; seq: number }>(
    'select epoch, seq from tenant_heads where tenant_id = $1 for update',
    [tx.tenantId],
  )
  if (!row) throw new Failure('not_found')
  const after = { epoch: row.epoch + 1, seq: 0 }
  await tx.query('update tenant_heads set epoch = $2, seq = 0 where tenant_id = $1', [
    tx.tenantId,
    after.epoch,
  ])
  tx.onCommit(() => deps.doorbell.ring(tx.tenantId))
  return { before: row, after }
}
