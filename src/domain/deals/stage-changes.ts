import { z } from 'zod'
import { type Actor, presentActor } from '../../auth/actor.ts'
import type { StageChangeView } from '../../contract/crm/deal.ts'
import { decodeCursor, encodeCursor, type Page, pageOf } from '../../http/cursor.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import type { Query } from '../records/record-kind.ts'
import { isoInstant } from '../records/sort-keys.ts'
import type { DealRow } from './present-deal.ts'

type Stay = Pick<DealRow, 'stage_id' | 'entered_stage_at'>

/**
 * When a deal enters another stage: now, and later than it entered the last one. A mover who had to wait began before the one
 * it waited for, and two stages entered at one moment would have no order.
 */
export function entryTime(tx: Pick<TenantTx, 'now'>, before: Stay | null): string {
  const last = before === null ? 0 : Date.parse(before.entered_stage_at)
  return new Date(Math.max(tx.now.getTime(), last + 1)).toISOString()
}

/** Writes down that a deal came into a stage at its entry time, and how long it had been in the one before. */
export async function recordStageChange(
  tx: TenantTx,
  actor: Actor,
  dealId: number,
  before: Stay | null,
  toStageId: number,
): Promise<void> {
  const at = entryTime(tx, before)
  await tx.query(
    `insert into deal_stage_changes (tenant_id, id, deal_id, from_stage_id, to_stage_id, actor, at, seconds_in_stage)
     values ($1, $2, $3, $4, $5, $6, $7, extract(epoch from $7::timestamptz - $8::timestamptz))`,
    [
      tx.tenantId,
      uuidv7(Date.parse(at)),
      dealId,
      before?.stage_id ?? null,
      toStageId,
      JSON.stringify(presentActor(actor)),
      at,
      before?.entered_stage_at ?? null,
    ],
  )
}

/** Of a row of deal_stage_changes, as people are shown it. Sums and means are of what the row has, to the microsecond. */
export const wholeSeconds = 'round(seconds_in_stage)'

const list = 'stage changes'

/** The stages of a deal, newest first. */
export async function listStageChanges(
  query: Query,
  tenantId: string,
  dealId: number,
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<StageChangeView>> {
  const [at, id] =
    cursor === undefined ? [null, null] : decodeCursor(list, cursor, z.tuple([isoInstant, z.uuid()]))
  const rows = await query<StageChangeView>(
    `select id, deal_id as "dealId", from_stage_id as "fromStageId", to_stage_id as "toStageId", actor as by, at,
       ${wholeSeconds} as "secondsInStage"
     from deal_stage_changes
     where tenant_id = $1 and deal_id = $2 and ($3::timestamptz is null or (at, id) < ($3, $4::uuid))
     order by at desc, id desc limit $5`,
    [tenantId, dealId, at, id, limit + 1],
  )
  return pageOf(
    rows,
    limit,
    (row) => row,
    (row) => encodeCursor(list, [row.at, row.id]),
  )
}
