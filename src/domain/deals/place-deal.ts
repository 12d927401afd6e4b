import { Failure } from '../../contract/errors.ts'
import type { Scope } from '../../log/scope.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { hearersOfRecords } from '../records/hearers.ts'
import { visibleTo } from '../records/list-records.ts'
import { keyBetween, keysBetween } from './board-order.ts'
import { type DealRow, dealJoins, dealRights, dealSelect, presentDeal } from './present-deal.ts'

/** Where in a stage: right behind `after`, or else right before `before`, or else behind the last. */
export interface Place {
  readonly before?: number | undefined
  readonly after?: number | undefined
  /** Longest key; when one would be longer, the deals around are given new ones. */
  readonly longest: number
}

interface Neighbour {
  id: number
  position: string
}

/** The key behind the last deal of a locked stage, deleted ones counted: they keep their place. */
export async function lastPlace(tx: TenantTx, stageId: number): Promise<string> {
  const [last] = await tx.query<Neighbour>(
    'select id, position from deals where tenant_id = $1 and stage_id = $2 order by position desc limit 1',
    [tx.tenantId, stageId],
  )
  return keyBetween(last?.position ?? null, null)
}

/**
 * The key of a deal at a place of a locked stage; its own when it is there already. Fails with `conflict` when a
 * neighbour is not in the stage any more, or the two are in another order now: then the mover's picture is old.
 */
export async function placeDeal(
  tx: TenantTx,
  by: Doer,
  deal: Pick<DealRow, 'id' | 'stage_id' | 'position'>,
  stageId: number,
  place: Place,
): Promise<string> {
  const beside = (beyond: '<' | '>', of: string | null) => neighbours(tx, stageId, deal.id, beyond, of, 1)
  const after =
    place.after === undefined ? null : await findNeighbour(tx, by, deal.id, stageId, 'after', place.after)
  const before =
    place.before === undefined ? null : await findNeighbour(tx, by, deal.id, stageId, 'before', place.before)
  if (after !== null && before !== null && after >= before)
    throw new Failure('conflict', { member: 'before' })
  const lower = after ?? (await beside('<', before))[0]?.position ?? null
  const upper = after === null ? before : ((await beside('>', after))[0]?.position ?? null)
  const own = deal.stage_id === stageId ? deal.position : null
  if (own !== null && (lower === null || lower < own) && (upper === null || own < upper)) return own
  const key = keyBetween(lower, upper)
  return key.length <= place.longest ? key : spread(tx, by, deal, stageId, lower, upper, place.longest)
}

async function findNeighbour(
  tx: TenantTx,
  by: Doer,
  dealId: number,
  stageId: number,
  member: 'after' | 'before',
  id: number,
): Promise<string> {
  const values: unknown[] = [tx.tenantId, id, stageId, dealId]
  const rights = { ...dealRights, read: dealRights.write }
  const visible = visibleTo(by.actor, { rights }, (value) => `$${values.push(value)}`)
  const [found] = await tx.query<Neighbour>(
    `select r.id, r.position from deals r
     where r.tenant_id = $1 and r.id = $2 and r.stage_id = $3 and r.deleted_at is null and r.id <> $4 and ${visible}`,
    values,
  )
  if (!found) throw new Failure('conflict', { member })
  return found.position
}

/** The nearest deals beyond a key, nearest first; beyond null, from that end of the stage. Never the deal that moves. */
function neighbours(
  tx: TenantTx,
  stageId: number,
  dealId: number,
  beyond: '<' | '<=' | '>' | '>=',
  key: string | null,
  count: number,
): Promise<Neighbour[]> {
  return tx.query<Neighbour>(
    `select id, position from deals
     where tenant_id = $1 and stage_id = $2 and id <> $3 and ${key === null ? '$4::text is null' : `position ${beyond} $4`}
     order by position ${beyond.startsWith('<') ? 'desc' : 'asc'} limit $5`,
    [tx.tenantId, stageId, dealId, key, count],
  )
}

/** Deals on each side that get new keys at first; more when that does not make them short. */
const fewest = 16

/**
 * Gives the deals around a gap new, short keys, which are announced, and answers with the one in the gap. Takes as many as it
 * needs: with the whole stage keys are shortest.
 */
async function spread(
  tx: TenantTx,
  by: Doer,
  deal: Pick<DealRow, 'id' | 'stage_id'>,
  stageId: number,
  lower: string | null,
  upper: string | null,
  longest: number,
): Promise<string> {
  for (let count = fewest; ; count *= 4) {
    const below = lower === null ? [] : await neighbours(tx, stageId, deal.id, '<=', lower, count + 1)
    const above = upper === null ? [] : await neighbours(tx, stageId, deal.id, '>=', upper, count + 1)
    const [bottom, top] = [below[count]?.position ?? null, above[count]?.position ?? null]
    const around = [...below.slice(0, count).reverse(), ...above.slice(0, count)]
    const keys = keysBetween(bottom, top, around.length + 1)
    const fits = keys.every((key) => key.length * 2 <= longest)
    if (!fits && (bottom !== null || top !== null)) continue
    const gap = Math.min(below.length, count)
    const key = keys.splice(gap, 1)[0] as string
    await rewrite(
      tx,
      by,
      around.map(({ id }) => id),
      keys,
      deal.stage_id === stageId ? { id: deal.id, key } : null,
    )
    return key
  }
}

/**
 * Writes keys in one statement, after which no two may be the same; so the deal that moves within the stage gets its own
 * here too, while its news is its mover's.
 */
async function rewrite(
  tx: TenantTx,
  by: Doer,
  ids: readonly number[],
  keys: readonly string[],
  mover: { readonly id: number; readonly key: string } | null,
): Promise<void> {
  const before = await findDeals(tx, ids)
  await tx.query(
    `update deals r set position = v.position, version = r.version + v.news, updated_at = case when v.news = 1 then $2 else r.updated_at end
     from unnest($3::integer[], $4::text[], $5::integer[]) as v(id, position, news) where r.tenant_id = $1 and r.id = v.id`,
    [
      tx.tenantId,
      tx.now,
      [...ids, ...(mover ? [mover.id] : [])],
      [...keys, ...(mover ? [mover.key] : [])],
      [...ids.map(() => 1), ...(mover ? [0] : [])],
    ],
  )
  const rows = await findDeals(tx, ids)
  const hearers = await hearersOfRecords(tx, dealRights, [...rows.values()])
  for (const [place, [id, row]] of [...rows].entries()) {
    const deal = presentDeal(row)
    if (row.deleted_at === null) tx.record('deal.updated', { deal }, hearers[place] as Scope)
    const was = before.get(id)
    recordAudit(tx, {
      by,
      action: 'deal.update',
      entity: 'deal',
      entityId: id,
      before: was ? presentDeal(was) : null,
      after: deal,
    })
  }
}

async function findDeals(tx: TenantTx, ids: readonly number[]): Promise<Map<number, DealRow>> {
  const rows = await tx.query<DealRow>(
    `select ${dealSelect} from deals r ${dealJoins} where r.tenant_id = $1 and r.id = any($2) order by r.position`,
    [tx.tenantId, ids],
  )
  return new Map(rows.map((row) => [row.id, row]))
}
