import { can } from '../../auth/can.ts'
import type { DealView } from '../../contract/crm/deal.ts'
import { Failure } from '../../contract/errors.ts'
import type { DealMove } from '../../contract/rest/deals.ts'
import type { ExpectedVersions } from '../../http/conditional.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import type { Doer } from '../audit/record-audit.ts'
import { findRecord } from '../records/find-record.ts'
import { updateRecord } from '../records/write-record.ts'
import { dealKind } from './deal-kind.ts'
import { presentDeal } from './present-deal.ts'

/**
 * Moves a deal on the board. Records `deal.moved`, with `deal.won` or `deal.lost` when it comes to its end; a deal that is
 * there already stays, without a trace. Of two who drag the same card from the same version one wins; the other gets
 * `precondition_failed` with the deal as it is (`details.deal`). Fails with `conflict`, `details.deal` and the member when a
 * neighbour is elsewhere by now. Whoever may move it and not read it is not shown it for not moving it.
 */
export async function moveDeal(
  tx: TenantTx,
  by: Doer,
  config: Pick<Config, 'DEAL_POSITION_LENGTH'>,
  id: number,
  { stageId, before, after, version, ...more }: DealMove,
  ifMatch: ExpectedVersions = null,
): Promise<DealView> {
  const place = { before, after, longest: config.DEAL_POSITION_LENGTH }
  try {
    return await updateRecord(tx, dealKind, by, id, { stageId, place, ...more }, both(version, ifMatch))
  } catch (error) {
    if (!(error instanceof Failure) || (error.code !== 'precondition_failed' && error.code !== 'conflict'))
      throw error
    const row = can(by.actor, dealKind.rights.read)
      ? await findRecord(tx.query.bind(tx), tx.tenantId, dealKind, id)
      : undefined
    throw new Failure(error.code, { ...error.details, ...(row ? { deal: presentDeal(row) } : {}) })
  }
}

/** What both a body and a header expect. */
function both(version: number | undefined, ifMatch: ExpectedVersions): ExpectedVersions {
  if (version === undefined) return ifMatch
  return new Set(ifMatch === null || ifMatch.has(version) ? [version] : [])
}
