import { type Actor, presentActor } from '../../auth/actor.ts'
import { can } from '../../auth/can.ts'
import type { ActivityView } from '../../contract/crm/activity.ts'
import { Failure } from '../../contract/errors.ts'
import type { ExpectedVersions } from '../../http/conditional.ts'
import { inTenant, type LogDeps, type TenantTx } from '../../log/tenant-tx.ts'
import type { Doer } from '../audit/record-audit.ts'
import { lockWritable, updateRecord } from '../records/write-record.ts'
import { activityKind } from './activity-kind.ts'

interface Completion {
  readonly activityId: number
  /** What came of it; left out, what is written there stays. */
  readonly outcome?: string | null | undefined
}

/** Completes an activity in a transaction of its own; see finishActivity. */
export function completeActivity(deps: LogDeps, actor: Actor, input: Completion): Promise<ActivityView> {
  return inTenant(
    deps,
    actor.tenantId,
    (tx) => finishActivity(tx, { actor }, input, null),
    presentActor(actor),
  )
}

/**
 * An activity is done. Records `activity.completed`; one that was done already stays as it is. Fails with `not_found`, with
 * `precondition_failed`, and with `conflict` when somebody else was faster and something else came of it: what, is for readers.
 */
export async function finishActivity(
  tx: TenantTx,
  by: Doer,
  { activityId, outcome }: Completion,
  expected: ExpectedVersions,
): Promise<ActivityView> {
  const before = await lockWritable(tx, activityKind, by, activityId)
  const isOther = outcome !== undefined && outcome !== before.outcome
  if (before.deleted_at === null && before.status === 'done' && isOther)
    throw new Failure(
      'conflict',
      can(by.actor, activityKind.rights.read)
        ? { completedAt: before.completed_at, outcome: before.outcome }
        : {},
    )
  const done = { status: 'done', ...(outcome === undefined ? {} : { outcome }) }
  return updateRecord(tx, activityKind, by, activityId, done, expected)
}
