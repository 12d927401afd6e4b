import { invalid } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { checkLinks } from '../records/check-links.ts'
import type { Change } from '../records/record-kind.ts'
import type { ActivityRow } from './present-activity.ts'

type Values = Readonly<Record<string, unknown>>

/**
 * Keeps what belongs together in an activity: it has been done since a moment when it is done and only then, and a reminder
 * that moves will be given again. Fails with `validation_failed` for a link that leads nowhere, or a time of completion of
 * one that is not done.
 */
export async function prepareActivity(
  tx: TenantTx,
  { before, values, by }: Change<ActivityRow>,
): Promise<Values> {
  const former = before && {
    customerId: before.customer_id,
    contactId: before.contact_id,
    dealId: before.deal_id,
    conversationId: before.conversation_id,
  }
  await checkLinks(tx, by.actor, former, values)
  return {
    ...values,
    completedAt: completedAt(before, values, tx.now),
    ...('remindAt' in values && values.remindAt !== (before?.remind_at ?? null) ? { remindedAt: null } : {}),
  }
}

function completedAt(before: ActivityRow | null, values: Values, now: Date): string | null {
  const isDone = (values.status ?? before?.status) === 'done'
  const given = (values.completedAt ?? null) as string | null
  if (isDone) return given ?? before?.completed_at ?? now.toISOString()
  if (given === null) return null
  throw invalid([
    { in: 'body', pointer: '/completedAt', message: 'only what is done has a time of completion' },
  ])
}
