import type { MessageType } from '../../contract/message.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import type { Identity } from '../../providers/inbound.ts'
import type { ProviderName } from '../../providers/port.ts'

/** A message whose turn has come, with what deciding and sending need. */
export interface Candidate {
  id: string
  conversation_id: string
  type: MessageType
  text: string | null
  payload: Record<string, unknown>
  attachment_id: string | null
  priority: number
  attempts: number
  expired: boolean
  contact_id: number
  window_expires_at: string | null
  blocked: boolean
  marketing: 'granted' | 'denied' | null
  identities: Identity[]
  target_provider_id: string | null
  target_direction: 'in' | 'out' | null
  target_text: string | null
}

type DueConfig = Pick<
  Config,
  'SEND_EXPIRES_HOURS' | 'SEND_BATCH' | 'SEND_PAIR_INTERVAL_MS' | 'SEND_PAIR_BURST'
>

/**
 * The first waiting message of each conversation, when no try of it is under way. Subqueries with a limit, because the
 * planner cannot turn them into joins: a queue grows faster than its statistics, and as an anti-join this read the
 * whole queue for every message (20,000 waiting: 990 ms a claim instead of 1).
 */
const isFirst = `m.seq = (
    select e.seq from messages e
    where e.tenant_id = m.tenant_id and e.conversation_id = m.conversation_id and e.status = 'queued'
    order by e.seq limit 1)
  and (
    select a.id from send_attempts a
    where a.tenant_id = m.tenant_id and a.message_id = m.id and a.state = 'started' limit 1) is null`

/** Messages that are due, live chat first, then by arrival. One statement on partial indexes; history is not read. */
export function findDue(
  config: Pick<DueConfig, 'SEND_EXPIRES_HOURS'>,
  tx: TenantTx,
  channelId: string,
  most: number,
): Promise<Candidate[]> {
  return tx.query<Candidate>(
    `select m.id, m.conversation_id, m.type, m.text, m.payload, m.attachment_id, m.priority, m.attempts,
            m.created_at < now() - make_interval(hours => $4) as expired,
            c.contact_id, c.window_expires_at, ct.blocked, ct.marketing,
            coalesce((select json_agg(json_build_object('kind', i.kind, 'value', i.value)
                        order by array_position(array['group', 'wa_id', 'phone', 'bsuid', 'lid', 'parent_bsuid', 'username'], i.kind), i.created_at)
                      from contact_identities i where i.tenant_id = ct.tenant_id and i.contact_id = ct.id), '[]') as identities,
            coalesce(r.provider_message_id, m.reply_to_provider_id) as target_provider_id,
            r.direction as target_direction, r.text as target_text
     from messages m
     join conversations c on c.tenant_id = m.tenant_id and c.id = m.conversation_id
     join contacts ct on ct.tenant_id = c.tenant_id and ct.id = c.contact_id
     left join messages r on r.tenant_id = m.tenant_id and r.id = m.reply_to_id
     where m.tenant_id = $1 and m.channel_id = $2 and m.status = 'queued'
       and (m.next_attempt_at is null or m.next_attempt_at <= clock_timestamp()) and ${isFirst}
     order by m.priority, m.id limit $3`,
    [tx.tenantId, channelId, most, config.SEND_EXPIRES_HOURS],
  )
}

/** Messages that waited longer than SEND_EXPIRES_HOURS, whether they are due or not. */
export function findExpired(config: DueConfig, tx: TenantTx, channelId: string): Promise<{ id: string }[]> {
  return tx.query<{ id: string }>(
    `select m.id from messages m
     where m.tenant_id = $1 and m.channel_id = $2 and m.status = 'queued' and m.created_at < now() - make_interval(hours => $3)
       and ${isFirst} order by m.priority, m.id limit $4`,
    [tx.tenantId, channelId, config.SEND_EXPIRES_HOURS, config.SEND_BATCH],
  )
}

/**
 * On networks that count what one customer gets: at most SEND_PAIR_BURST messages of a conversation in that many times
 * SEND_PAIR_INTERVAL_MS. Those that must wait get their time and leave the way free.
 *
 * The message that went out so many before is looked for among those that were written in that time before this one, so
 * that no history is read. A queue that grew more slowly while nothing could go out is therefore not held back; then the network says
 * so, and the pair backs off.
 */
export async function pace(
  config: DueConfig,
  tx: TenantTx,
  provider: ProviderName,
  found: readonly Candidate[],
): Promise<readonly Candidate[]> {
  const { SEND_PAIR_INTERVAL_MS: interval, SEND_PAIR_BURST: burst } = config
  if (interval === 0 || provider === 'evolution' || found.length === 0) return found
  const waiting = await tx.query<{ id: string }>(
    `update messages m set next_attempt_at = o.started_at + p.span
     from unnest($2::uuid[]) as w(id) join messages q on q.tenant_id = $1 and q.id = w.id
     cross join (select make_interval(secs => $4 / 1000.0) as span) p
     cross join lateral (
       select x.id from messages x
       where x.tenant_id = $1 and x.conversation_id = q.conversation_id and x.direction = 'out'
         and x.sent_at > q.sent_at - p.span and (x.sent_at, x.seq) < (q.sent_at, q.seq)
       order by x.sent_at desc, x.seq desc offset $3 - 1 limit 1
     ) b
     cross join lateral (
       select a.started_at from send_attempts a where a.tenant_id = $1 and a.message_id = b.id order by a.number desc limit 1
     ) o
     where m.tenant_id = $1 and m.id = w.id and o.started_at > clock_timestamp() - p.span returning m.id`,
    [tx.tenantId, found.map((one) => one.id), burst, interval * burst],
  )
  const paused = new Set(waiting.map((row) => row.id))
  return found.filter((one) => !paused.has(one.id))
}

/** Until the next message that waits for its time; null when none does. */
export async function nextAttemptMs(tx: TenantTx, channelId: string): Promise<number | null> {
  const [row] = await tx.query<{ wait_ms: number | null }>(
    `select ceil(extract(epoch from min(next_attempt_at) - clock_timestamp()) * 1000)::integer as wait_ms from messages
     where tenant_id = $1 and channel_id = $2 and status = 'queued' and next_attempt_at > clock_timestamp()`,
    [tx.tenantId, channelId],
  )
  return row?.wait_ms ?? null
}
