import type { TenantTx } from '../../log/tenant-tx.ts'

/** The channel's list of templates is to be read from its network soon (sync-templates.ts). Locks: the channel's row. */
export async function askForTemplates(tx: TenantTx, channelId: string): Promise<void> {
  await tx.query(
    'update channels set templates_due_at = least(templates_due_at, now()) where tenant_id = $1 and id = $2',
    [tx.tenantId, channelId],
  )
  tx.nudge('sync-templates', { tenantId: tx.tenantId, channelId })
}
