import { Failure } from '../../contract/errors.ts'
import { inTenant, type LogDeps, type TenantTx } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import { isUnavailable } from '../../platform/db.ts'
import { Lane } from '../../platform/lane.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { Identity, ProviderError } from '../../providers/inbound.ts'
import type { SendOutcome } from '../../providers/port.ts'
import { stopChannel } from '../channels/stop-channel.ts'
import { learnIdentities } from '../contacts/learn-identities.ts'
import { applyParked } from './apply-updates.ts'
import { pauseOf, retryAfterTry } from './backoff.ts'
import type { ClaimedSend } from './claim-sends.ts'
import { loadMessages } from './load-messages.ts'
import type { MessageRow } from './message-row.ts'
import { type OurReaction, showReactions } from './react.ts'
import { type Settlement, settleMessages } from './settle-messages.ts'

export interface OutcomeDeps extends LogDeps {
  readonly metrics: Metrics
  readonly config: Pick<
    Config,
    | 'SEND_BATCH'
    | 'SEND_ATTEMPTS'
    | 'SEND_BREAKER_MS'
    | 'DATABASE_POOL'
    | 'PUBLIC_URL'
    | 'BASE_PATH'
    | 'HOST'
    | 'PORT'
  >
}

/** What came of one try. `tripped`: it was the last of too many in a row without a clear answer, so the number pauses. */
export interface SendReport {
  readonly send: ClaimedSend
  readonly outcome: SendOutcome
  readonly tripped: boolean
}

/** `fenced`: this worker had lost its claim, somebody else has written the outcome, and nothing was changed. */
export type Recorded = 'recorded' | 'fenced'

const lanes = new WeakMap<OutcomeDeps, Lane<string, SendReport, Recorded>>()

/** Writes what came of a try, together with whatever else came of tries of this tenant in the meantime. */
export function recordOutcome(deps: OutcomeDeps, report: SendReport): Promise<Recorded> {
  let lane = lanes.get(deps)
  if (!lane) {
    lane = new Lane({
      keyOf: ({ send }: SendReport) => send.tenantId,
      batch: deps.config.SEND_BATCH,
      concurrency: Math.max(1, Math.floor(deps.config.DATABASE_POOL / 4)),
      // Each waiting one holds a slot of SEND_CONCURRENCY, which is the limit.
      waiting: Number.POSITIVE_INFINITY,
      onFull: () => new Failure('unavailable'),
      run: (tenantId, reports) => inTenant(deps, tenantId, (tx) => writeAll(deps, tx, reports)),
      isCommon: isUnavailable,
    })
    lanes.set(deps, lane)
  }
  return lane.submit(report)
}

/**
 * Ends attempts that are still held, and does what follows from them. An attempt ends once: a worker that slept through
 * its lease finds it ended and changes nothing (OUT6).
 * Locks in order: lanes of numbers that pause or wake, attempts, messages by id, channels that stop, the parking of
 * channels whose messages learnt their ids (shared), contacts that change, the head row.
 */
async function writeAll(
  deps: OutcomeDeps,
  tx: TenantTx,
  reports: readonly SendReport[],
): Promise<Recorded[]> {
  await changeLanes(deps, tx, reports)
  const held = await endAttempts(tx, reports)
  const counted = reports.filter(({ send }) => held.has(send.attemptId))
  deps.metrics.sendsFenced.inc(reports.length - counted.length)
  const rows = await lockMessages(tx, counted)
  const stoppedBy = await stopChannels(deps, tx, counted)
  const settlements: Settlement[] = []
  const again: { send: ClaimedSend; outcome: Later }[] = []
  const reactions: OurReaction[] = []
  for (const { send, outcome } of counted) {
    const message = rows.byId.get(send.message.id)
    if (!message) continue
    switch (outcome.kind) {
      case 'accepted': {
        const { providerMessageId } = outcome
        settlements.push({ message, status: 'sent', error: null, providerMessageId })
        const target = rows.targetOf(message)
        if (target) reactions.push({ reaction: message, target, providerMessageId })
        break
      }
      case 'refused':
        if (outcome.stopChannel && !stoppedBy.has(send)) {
          if (message.status === 'queued') again.push({ send, outcome: whenItWorksAgain(outcome.error) })
          break
        }
        settlements.push({ message, status: 'failed', error: outcome.error, providerMessageId: null })
        break
      case 'unknown': {
        const providerMessageId = outcome.providerMessageId ?? null
        settlements.push({ message, status: 'unknown', error: outcome.error, providerMessageId })
        break
      }
      case 'later':
        if (message.status === 'queued') again.push({ send, outcome })
        break
    }
  }
  settlements.push(...(await queueAgain(deps, tx, again, rows.byId)))
  await settleMessages(tx, settlements, { kind: 'provider' })
  await showReactions(tx, reactions)
  for (const [channelId, settled] of Map.groupBy(settlements, ({ message }) => message.channel_id)) {
    const learnt = settled.map(({ providerMessageId }) => providerMessageId).filter((id) => id !== null)
    await applyParked(tx, channelId, learnt)
  }
  for (const { send, outcome } of counted) {
    const message = rows.byId.get(send.message.id)
    if (message && outcome.kind === 'accepted')
      await learnMore(tx, message.conversation_id, send, outcome.recipient ?? [])
  }
  return reports.map(({ send }) => (held.has(send.attemptId) ? 'recorded' : 'fenced'))
}

type Later = Extract<SendOutcome, { kind: 'later' }>

/**
 * Stops numbers whose credentials or account the network refuses. Answers with the sends that did it: they fail and show
 * the reason; others that were under way beside them go back to the queue with the rest (OUT8).
 */
async function stopChannels(
  deps: OutcomeDeps,
  tx: TenantTx,
  reports: readonly SendReport[],
): Promise<Set<ClaimedSend>> {
  const first = new Set<ClaimedSend>()
  for (const { send, outcome } of reports) {
    if (outcome.kind !== 'refused' || !outcome.stopChannel) continue
    const reason = `${outcome.error.title} (${outcome.error.code})`
    if (await stopChannel(deps, tx, send.channelId, reason)) first.add(send)
  }
  return first
}

const whenItWorksAgain = (error: ProviderError): Later => ({
  kind: 'later',
  afterMs: 0,
  scope: 'channel',
  error,
})

/** Which of the attempts were still this worker's; they are ended now. */
async function endAttempts(tx: TenantTx, reports: readonly SendReport[]): Promise<Set<string>> {
  const rows = await tx.query<{ id: string }>(
    `update send_attempts a set state = v.state, finished_at = clock_timestamp(), detail = v.detail
     from json_to_recordset($2) as v(id uuid, claim_token uuid, state text, detail jsonb)
     where a.tenant_id = $1 and a.id = v.id and a.claim_token = v.claim_token and a.state = 'started' returning a.id`,
    [
      tx.tenantId,
      JSON.stringify(
        reports.map(({ send, outcome: { kind, ...detail } }) => ({
          id: send.attemptId,
          claim_token: send.claimToken,
          state: kind,
          detail,
        })),
      ),
    ],
  )
  return new Set(rows.map((row) => row.id))
}

async function lockMessages(tx: TenantTx, reports: readonly SendReport[]) {
  const targets = reports.flatMap(({ send, outcome }) =>
    send.message.type === 'reaction' && outcome.kind === 'accepted' && send.message.replyTo
      ? [{ channel_id: send.channelId, provider_id: send.message.replyTo.providerMessageId }]
      : [],
  )
  const found =
    targets.length === 0
      ? []
      : await tx.query<{ id: string }>(
          `select m.id from json_to_recordset($2) as v(channel_id uuid, provider_id text)
           join messages m on m.tenant_id = $1 and m.channel_id = v.channel_id and m.provider_message_id = v.provider_id`,
          [tx.tenantId, JSON.stringify(targets)],
        )
  const ids = [...new Set([...reports.map(({ send }) => send.message.id), ...found.map((row) => row.id)])]
  const rows = await loadMessages(tx.query.bind(tx), tx.tenantId, ids, true)
  const byId = new Map(rows.map((row) => [row.id, row]))
  const targetOf = (message: MessageRow) =>
    message.type === 'reaction' && message.reply_to_id !== null ? byId.get(message.reply_to_id) : undefined
  return { byId, targetOf }
}

/**
 * Puts messages back in the queue with their time, and gives up those that were tried too often. Tries that failed because
 * of the whole number are not the message's fault and do not count; SEND_EXPIRES_HOURS ends those.
 */
async function queueAgain(
  deps: OutcomeDeps,
  tx: TenantTx,
  again: readonly { send: ClaimedSend; outcome: Later }[],
  byId: ReadonlyMap<string, MessageRow>,
): Promise<Settlement[]> {
  if (again.length === 0) return []
  const counts = await tx.query<{ message_id: string; tries: number }>(
    `select message_id, count(*)::integer as tries from send_attempts
     where tenant_id = $1 and message_id = any($2) and state = 'later' and detail->>'scope' <> 'channel' group by message_id`,
    [tx.tenantId, again.map(({ send }) => send.message.id)],
  )
  const tries = new Map(counts.map((row) => [row.message_id, row.tries]))
  const given: Settlement[] = []
  const waits: { id: string; attempts: number; wait_ms: number }[] = []
  for (const { send, outcome } of again) {
    const { id } = send.message
    const tried = tries.get(id) ?? 0
    const message = byId.get(id)
    if (message && tried >= deps.config.SEND_ATTEMPTS)
      given.push({
        message,
        status: 'failed',
        error: { ...outcome.error, retryable: true },
        providerMessageId: null,
      })
    const { scope, afterMs } = outcome
    const wait = scope === 'channel' ? 0 : retryAfterTry({ afterMs, scope }, Math.max(1, tried))
    waits.push({ id, attempts: send.number, wait_ms: wait })
  }
  await tx.query(
    `update messages m set attempts = v.attempts, next_attempt_at = clock_timestamp() + make_interval(secs => v.wait_ms / 1000.0)
     from json_to_recordset($2) as v(id uuid, attempts integer, wait_ms double precision) where m.tenant_id = $1 and m.id = v.id`,
    [tx.tenantId, JSON.stringify(waits)],
  )
  return given
}

/**
 * Pauses numbers that the network told to wait or that stopped giving clear answers, and ends the row of pauses of those
 * whose probe got through. Answers that arrive during a pause do not make it longer: they belong to the same trouble.
 */
async function changeLanes(deps: OutcomeDeps, tx: TenantTx, reports: readonly SendReport[]): Promise<void> {
  const pauses = new Map<string, { afterMs: number; reason: string }>()
  const wakes = new Set<string>()
  for (const { send, outcome, tripped } of reports) {
    const asked =
      outcome.kind === 'later' && outcome.scope === 'channel'
        ? { afterMs: outcome.afterMs, reason: outcome.error.title }
        : tripped && (outcome.kind === 'later' || outcome.kind === 'unknown')
          ? { afterMs: deps.config.SEND_BREAKER_MS, reason: outcome.error.title }
          : null
    const before = pauses.get(send.channelId)
    if (asked && (!before || before.afterMs < asked.afterMs)) pauses.set(send.channelId, asked)
    if (send.probe && (outcome.kind === 'accepted' || outcome.kind === 'refused')) wakes.add(send.channelId)
  }
  const channels = [...new Set([...pauses.keys(), ...wakes])].sort()
  if (channels.length === 0) return
  const lanes = await tx.query<{ channel_id: string; pauses: number; paused: boolean }>(
    `select channel_id, pauses, coalesce(paused_until > clock_timestamp(), false) as paused from channel_lanes
     where tenant_id = $1 and channel_id = any($2) order by channel_id for update`,
    [tx.tenantId, channels],
  )
  const changes = lanes.map((lane) => {
    const pause = pauses.get(lane.channel_id)
    const reason = pause?.reason ?? null
    if (!pause) return { id: lane.channel_id, wait_ms: null, reason, pauses: 0 }
    const row = lane.paused ? Math.max(0, lane.pauses - 1) : lane.pauses
    return { id: lane.channel_id, wait_ms: pauseOf(pause.afterMs, row), reason, pauses: row + 1 }
  })
  await tx.query(
    `update channel_lanes l set pauses = v.pauses, pause_reason = v.reason,
       paused_until = case when v.wait_ms is not null
         then greatest(l.paused_until, clock_timestamp() + make_interval(secs => v.wait_ms / 1000.0)) end
     from json_to_recordset($2) as v(id uuid, wait_ms double precision, reason text, pauses integer)
     where l.tenant_id = $1 and l.channel_id = v.id`,
    [tx.tenantId, JSON.stringify(changes)],
  )
}

/** Addresses that the network named and that we did not send to. */
async function learnMore(
  tx: TenantTx,
  conversationId: string,
  send: ClaimedSend,
  told: readonly Identity[],
): Promise<void> {
  const known = new Set(send.message.to.map(({ kind, value }) => `${kind} ${value}`))
  const fresh = told.filter(({ kind, value }) => !known.has(`${kind} ${value}`))
  if (fresh.length > 0) await learnIdentities(tx, conversationId, fresh)
}
