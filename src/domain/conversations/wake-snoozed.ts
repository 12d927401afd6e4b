import { inTenant, type LogDeps } from '../../log/tenant-tx.ts'
import { changeConversation } from './change-conversation.ts'
import { lockConversations } from './load-conversations.ts'

/**
 * Opens conversations whose sleep is over, at most `atMost` of all tenants; the number that woke. Any number of workers
 * may do it at once: each looks again under the lock, so each sleep ends once. One transaction per tenant.
 */
export async function wakeSnoozed(deps: LogDeps, { atMost }: { atMost: number }): Promise<number> {
  const { rows } = await deps.db.write.query<{ tenant_id: string; conversation_id: string }>(
    'select tenant_id, conversation_id from due_snoozes($1)',
    [atMost],
  )
  let woken = 0
  for (const [tenantId, due] of Map.groupBy(rows, (row) => row.tenant_id)) {
    const ids = due.map((row) => row.conversation_id)
    woken += await inTenant(deps, tenantId, async (tx) => {
      // The database says when it is time, as it did in due_snoozes: two clocks could disagree for ever.
      const [clock] = await tx.query<{ now: string }>('select clock_timestamp() as now')
      const rowsNow = await lockConversations(tx, ids)
      const asleep = rowsNow.filter(
        (row) => row.status === 'snoozed' && clock !== undefined && (row.snoozed_until ?? '') <= clock.now,
      )
      for (const row of asleep)
        await changeConversation(tx, row, 'conversation.status_changed', {
          status: 'open',
          snoozed_until: null,
        })
      return asleep.length
    })
  }
  return woken
}
