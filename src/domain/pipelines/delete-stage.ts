import type { PipelineStageView } from '../../contract/crm/pipeline.ts'
import { Failure } from '../../contract/errors.ts'
import { permit } from '../../auth/can.ts'
import type { ExpectedVersions } from '../../http/conditional.ts'
import { invalid } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import type { Doer } from '../audit/record-audit.ts'
import { dealKind } from '../deals/deal-kind.ts'
import { deleteRecord, updateRecord } from '../records/write-record.ts'
import { countDeals } from './count-deals.ts'
import { stageKind } from './stage-kind.ts'

/**
 * Deletes a stage. Its deals first move to the stage `moveTo`, in their order behind those that are there. Fails with
 * `conflict` (`details.deals`) while there are deals and no `moveTo`, or more of them than DEALS_PER_STAGE_MOVE.
 */
export async function deleteStage(
  tx: TenantTx,
  by: Doer,
  config: Pick<Config, 'DEALS_PER_STAGE_MOVE'>,
  id: number,
  moveTo: number | undefined,
  expected: ExpectedVersions,
): Promise<PipelineStageView> {
  permit(by.actor, stageKind.rights.write)
  if (moveTo === id)
    throw invalid([{ in: 'query', pointer: '/moveTo', message: 'is the stage that is deleted' }])
  if (moveTo !== undefined) await moveDeals(tx, by, config.DEALS_PER_STAGE_MOVE, id, moveTo)
  return deleteRecord(tx, stageKind, by, id, expected)
}

async function moveDeals(tx: TenantTx, by: Doer, most: number, from: number, to: number): Promise<void> {
  // Both at once and by id, so that two stages that are emptied into each other do not wait for each other.
  const stages = await tx.query<{ id: number }>(
    `select s.id from pipeline_stages s join pipelines p on p.tenant_id = s.tenant_id and p.id = s.pipeline_id
     where s.tenant_id = $1 and s.id = any($2) and s.deleted_at is null and p.deleted_at is null order by s.id for no key update of s`,
    [tx.tenantId, [from, to]],
  )
  if (!stages.some(({ id }) => id === from)) throw new Failure('not_found')
  if (!stages.some(({ id }) => id === to))
    throw invalid([{ in: 'query', pointer: '/moveTo', message: 'there is no such stage' }])
  const deals = await countDeals(tx, [from])
  if (deals > most)
    throw new Failure(
      'conflict',
      { deals, limit: most },
      { message: 'there are too many deals in it to move at once' },
    )
  const rows = await tx.query<{ id: number }>(
    'select id from deals where tenant_id = $1 and stage_id = $2 and deleted_at is null order by position for no key update',
    [tx.tenantId, from],
  )
  for (const { id } of rows) await updateRecord(tx, dealKind, by, id, { stageId: to }, null)
}
