import type { TenantTx } from '../../log/tenant-tx.ts'
import type { PoisonPart } from '../../providers/inbound.ts'
import { hasInbox } from './hold-inbox.ts'

/** A delivery that waits. */
export interface WaitingDelivery {
  readonly id: number
  readonly body: Buffer
  readonly received_at: string
  /** Tries that failed for a reason that may pass. */
  readonly attempts: number
}

/** How much of an inbox is taken at once. */
export interface Claim {
  readonly most: number
  readonly mostBytes: number
}

/** What was taken of an inbox. */
export interface Claimed {
  readonly deliveries: readonly WaitingDelivery[]
  /** Whether nothing was left behind for its number or for its bytes. */
  readonly isAll: boolean
}

/**
 * The oldest deliveries of a channel that wait, locked until commit: at most `most`, and at most `mostBytes` together (one
 * at least). Deliveries that failed before come alone (`claimAgain`), so that they hold up nobody. None while somebody else has
 * the inbox: left without its oldest, it would be done in another order.
 */
export async function claimDeliveries(
  tx: TenantTx,
  channelId: string,
  { most, mostBytes }: Claim,
): Promise<Claimed> {
  // The first that is too much is read too, so that it is known to be there.
  const waiting = await tx.gather<WaitingDelivery>(
    `select w.tenant_id, w.id, w.body, w.received_at, w.attempts from webhook_inbox w
     where w.id = any (array(
       select o.id from json_to_recordset($1) as k(tenant_id uuid, channel_id uuid, most integer, most_bytes bigint)
       cross join lateral (
         select id, sum(octet_length(body)) over (order by id) - octet_length(body) as bytes_before from (
           select i.id, i.body from webhook_inbox i
           where i.tenant_id = k.tenant_id and i.channel_id = k.channel_id and i.state = 'new' and i.attempts = 0
           order by i.id limit k.most) first) o
       where ${hasInbox} and o.bytes_before <= k.most_bytes)) and w.state = 'new'
     order by w.id for update`,
    [{ channel_id: channelId, most, most_bytes: mostBytes }],
  )
  let bytes = 0
  const tooMuch = waiting.findIndex(({ body }, place) => {
    bytes += body.length
    return place > 0 && bytes > mostBytes
  })
  const deliveries = tooMuch === -1 ? waiting : waiting.slice(0, tooMuch)
  return { deliveries, isAll: waiting.length < most && bytes <= mostBytes }
}

/** Deliveries by id, if they still wait, locked until commit. */
export function claimAgain(tx: TenantTx, ids: readonly number[]): Promise<WaitingDelivery[]> {
  return tx.query<WaitingDelivery>(
    `select id, body, received_at, attempts from webhook_inbox
     where tenant_id = $1 and id = any($2) and state = 'new' order by id for update`,
    [tx.tenantId, ids],
  )
}

/**
 * Ends deliveries: `done`, or `parked` with the parts that made no sense, which stay until somebody has looked at them.
 * Poison is bounded, because it is a copy of what is in the body anyway.
 */
export function endDeliveries(
  tx: TenantTx,
  ended: readonly { readonly id: number; readonly poison: readonly PoisonPart[] }[],
): void {
  // By an array of ids, because a plan that is kept knows how to find those: joined to a set whose size it cannot know, the
  // whole table is read.
  tx.runGathered(
    `update webhook_inbox w set state = 'done', processed_at = e.at
     from json_to_recordset($1) as e(tenant_id uuid, id bigint, at timestamptz)
     where w.id = any (array(select (d->>'id')::bigint from json_array_elements($1) as d)) and w.id = e.id
       and w.tenant_id = e.tenant_id`,
    ended.filter(({ poison }) => poison.length === 0).map(({ id }) => ({ id, at: tx.now })),
  )
  for (const { id, poison } of ended) {
    if (poison.length === 0) continue
    const reason = `${poison.length} of its parts could not be used: ${poison[0]?.reason ?? ''}`.slice(0, 500)
    tx.run(
      `update webhook_inbox set state = 'parked', poison = $3, reason = $4, processed_at = $5
       where tenant_id = $1 and id = $2`,
      [tx.tenantId, id, JSON.stringify(poison.slice(0, mostPoison).map(shortened)), reason, tx.now],
    )
  }
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
