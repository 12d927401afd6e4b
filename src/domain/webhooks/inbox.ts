import type { TenantTx } from '../../log/tenant-tx.ts'
import type { PoisonPart } from '../../providers/inbound.ts'

/** A delivery that waits. */
export interface WaitingDelivery {
  readonly id: number
  readonly body: Buffer
  readonly received_at: string
  /** Tries that failed for a reason that may pass. */
  readonly attempts: number
}

/**
 * The oldest deliveries of a channel that wait, locked until commit: at most `most`, and at most `mostBytes` together (one
 * at least). Deliveries that failed before come alone, so that they hold up nobody: `failedBefore` asks for one of those,
 * after `afterId`.
 */
export async function claimDeliveries(
  tx: TenantTx,
  channelId: string,
  claim: { readonly most: number; readonly mostBytes: number },
): Promise<WaitingDelivery[]> {
  return tx.query<WaitingDelivery>(
    `with oldest as (
       select id, sum(octet_length(body)) over (order by id) as bytes, row_number() over (order by id) as place from (
         select id, body from webhook_inbox
         where tenant_id = $1 and channel_id = $2 and state = 'new' and attempts = 0 order by id limit $3) first)
     select w.id, w.body, w.received_at, w.attempts from webhook_inbox w join oldest o on o.id = w.id
     where w.tenant_id = $1 and (o.bytes <= $4 or o.place = 1) order by w.id for update of w`,
    [tx.tenantId, channelId, claim.most, claim.mostBytes],
  )
}

/** Deliveries by id, if they still wait, locked until commit. */
export function claimAgain(tx: TenantTx, ids: readonly number[]): Promise<WaitingDelivery[]> {
  return tx.query<WaitingDelivery>(
    `select id, body, received_at, attempts from webhook_inbox
     where tenant_id = $1 and id = any($2) and state = 'new' order by id for update`,
    [tx.tenantId, ids],
  )
}

/** Deliveries of a channel that failed before and wait for another try, oldest first. No locks. */
export async function failedBefore(tx: TenantTx, channelId: string, most: number): Promise<number[]> {
  const rows = await tx.query<{ id: number }>(
    `select id from webhook_inbox where tenant_id = $1 and channel_id = $2 and state = 'new' and attempts > 0
     order by id limit $3`,
    [tx.tenantId, channelId, most],
  )
  return rows.map((row) => row.id)
}

/**
 * Ends deliveries: `done`, or `parked` with the parts that made no sense, which stay until somebody has looked at them.
 * Poison is bounded, because it is a copy of what is in the body anyway.
 */
export async function endDeliveries(
  tx: TenantTx,
  ended: readonly { readonly id: number; readonly poison: readonly PoisonPart[] }[],
): Promise<void> {
  await tx.query(
    `update webhook_inbox w set state = case when v.poison is null then 'done' else 'parked' end, poison = v.poison,
       reason = v.reason, processed_at = $3
     from json_to_recordset($2) as v(id bigint, poison jsonb, reason text) where w.tenant_id = $1 and w.id = v.id`,
    [
      tx.tenantId,
      JSON.stringify(
        ended.map(({ id, poison }) => ({
          id,
          ...(poison.length > 0 && {
            poison: poison.slice(0, mostPoison).map(shortened),
            reason: `${poison.length} of its parts could not be used: ${poison[0]?.reason ?? ''}`.slice(
              0,
              500,
            ),
          }),
        })),
      ),
      tx.now,
    ],
  )
}

const mostPoison = 100
const longestPart = 4_000

function shortened({ reason, raw }: PoisonPart): PoisonPart {
  const text = JSON.stringify(raw) ?? ''
  return {
    reason: reason.slice(0, 500),
    raw: text.length > longestPart ? text.slice(0, longestPart).toWellFormed() : raw,
  }
}

/** Puts deliveries aside that are nobody's any more. */
export async function quarantine(tx: TenantTx, channelId: string, reason: string): Promise<void> {
  await tx.query(
    `update webhook_inbox set state = 'quarantined', reason = $3, processed_at = $4
     where tenant_id = $1 and channel_id = $2 and state = 'new'`,
    [tx.tenantId, channelId, reason, tx.now],
  )
}

/** Notes a try that failed for a reason that may pass; after the last one the delivery is parked. */
export async function countFailure(
  tx: TenantTx,
  id: number,
  reason: string,
  mostAttempts: number,
): Promise<'waits' | 'parked'> {
  const [row] = await tx.query<{ state: string }>(
    `update webhook_inbox set attempts = attempts + 1, reason = $3,
       state = case when attempts + 1 >= $4 then 'parked' else state end,
       processed_at = case when attempts + 1 >= $4 then $5 else processed_at end
     where tenant_id = $1 and id = $2 and state = 'new' returning state`,
    [tx.tenantId, id, reason.slice(0, 500), mostAttempts, tx.now],
  )
  return row?.state === 'parked' ? 'parked' : 'waits'
}
