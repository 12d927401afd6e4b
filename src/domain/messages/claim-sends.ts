import { errors, type Failure } from '../../contract/errors.ts'
import { inTenant, type LogDeps, type TenantTx } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import type { OutboundMessage, ProviderName } from '../../providers/port.ts'
import { findTemplates } from '../templates/find-templates.ts'
import { isProbing, lockLane } from './channel-lane.ts'
import { type Candidate, findDue, findExpired, nextAttemptMs, pace } from './due-messages.ts'
import { loadMessages } from './load-messages.ts'
import type { StoredMessageError } from './message-row.ts'
import { budgetOf, type RateConfig, refilled, untilHolds } from './rate-budget.ts'
import { contentRefusal, isDown, recipientRefusal } from './send-gate.ts'
import { settleMessages } from './settle-messages.ts'

export interface ClaimDeps extends LogDeps {
  readonly config: RateConfig &
    Pick<
      Config,
      | 'SEND_CONCURRENCY'
      | 'SEND_PAIR_INTERVAL_MS'
      | 'SEND_PAIR_BURST'
      | 'SEND_LEASE_MS'
      | 'SEND_EXPIRES_HOURS'
      | 'SEND_BATCH'
    >
}

/** A number of a tenant. */
export interface ChannelKey {
  readonly tenantId: string
  readonly channelId: string
}

/** One try at one message, committed as `started` before anybody calls the network. */
export interface ClaimedSend extends ChannelKey {
  readonly provider: ProviderName
  readonly attemptId: string
  /** Whoever holds it may write the outcome, as long as the attempt is `started`. */
  readonly claimToken: string
  /** From 1. */
  readonly number: number
  readonly message: Omit<OutboundMessage, 'media'>
  readonly attachmentId: string | null
  readonly priority: number
  /** Sent alone to find out whether a number that was paused works again. */
  readonly probe: boolean
}

/** How many calls the process may begin, all in all and for what is not live chat. */
export interface Slots {
  readonly all: number
  readonly bulk: number
}

export interface Claim {
  readonly sends: readonly ClaimedSend[]
  /** Something else than a claim happened to what was due: look again at once, what it stood before may be due. */
  readonly again: boolean
  /** When something may be due that is not now, in milliseconds; null: nothing that time alone would change. */
  readonly dueInMs: number | null
}

/** How long a process waits for another one's probe before it looks again. */
const probeWaitMs = 1000

/**
 * Takes the messages of a number that are due, in order, and commits an attempt for each before any call (OUT3): live chat
 * first, then by arrival; of a conversation only its first waiting message, and nothing while a try of it is under way
 * or must wait. What can no longer be sent fails here with its reason (OUT5).
 *
 * The number's lane row is locked first, so processes take turns and share one budget. Then conversations are read but not
 * locked, messages locked only to fail them, and the head row last.
 */
export function claimSends(
  deps: ClaimDeps,
  channel: ChannelKey,
  claimToken: string,
  slots: Slots,
): Promise<Claim> {
  return inTenant(deps, channel.tenantId, async (tx) => {
    const lane = await lockLane(tx, channel.channelId)
    if (lane === null) return nothing(null)
    const asleep = lane.removed || lane.tenant_status !== 'active' || isDown(lane.status, lane.stopped_reason)
    if (asleep || lane.paused_ms !== null) {
      const failed = await failExpired(deps, tx, channel.channelId)
      return { sends: [], again: failed > 0, dueInMs: asleep ? null : lane.paused_ms }
    }
    const budget = budgetOf(deps.config, lane.provider)
    let tokens = refilled(budget, lane.tokens, lane.tokens_age_ms)
    if (tokens < 1) return nothing(untilHolds(budget, tokens, 1))
    const probe = lane.pauses > 0
    if (probe && (await isProbing(tx, channel.channelId))) return nothing(probeWaitMs)
    const most = probe ? 1 : Math.min(slots.all, Math.floor(tokens), deps.config.SEND_BATCH)
    const found = await findDue(deps.config, tx, channel.channelId, most)
    const { sound, refused } = await judge(tx, lane.provider, channel.channelId, found)
    const ready = await pace(deps.config, tx, lane.provider, sound)
    const again = refused.length > 0 || ready.length < sound.length
    const taken: Candidate[] = []
    let bulk = slots.bulk
    let lacking = 0
    for (const candidate of ready) {
      const isBulk = candidate.priority > 0
      const needed = isBulk && !probe ? budget.reserved + 1 : 1
      if (tokens < needed) lacking = lacking === 0 ? needed : Math.min(lacking, needed)
      if (tokens < needed || (isBulk && bulk <= 0)) continue
      tokens -= budget.cost()
      if (isBulk) bulk -= 1
      taken.push(candidate)
    }
    await failMessages(tx, refused)
    if (taken.length === 0) {
      const waits = [await nextAttemptMs(tx, channel.channelId)]
      if (lacking > 0) waits.push(untilHolds(budget, tokens, lacking))
      return { sends: [], again, dueInMs: least(waits) }
    }
    const sends = taken.map((candidate) =>
      claimed(channel, lane.provider, claimToken, candidate, probe, tx.now),
    )
    await insertAttempts(deps, tx, channel.channelId, sends, tokens)
    return { sends, again, dueInMs: null }
  })
}

/** Gives back what was claimed and not begun, as if it had never been taken. */
export function releaseSends(deps: LogDeps, tenantId: string, sends: readonly ClaimedSend[]): Promise<void> {
  return inTenant(deps, tenantId, async (tx) => {
    await tx.query(
      `delete from send_attempts a using json_to_recordset($2) as v("attemptId" uuid, "claimToken" uuid)
       where a.tenant_id = $1 and a.id = v."attemptId" and a.claim_token = v."claimToken" and a.state = 'started'`,
      [tx.tenantId, JSON.stringify(sends.map(({ attemptId, claimToken }) => ({ attemptId, claimToken })))],
    )
    for (const { tenantId: tenant, channelId } of sends)
      tx.nudge('deliver-outbound', { tenantId: tenant, channelId })
  })
}

const nothing = (dueInMs: number | null): Claim => ({ sends: [], again: false, dueInMs })

const least = (waits: readonly (number | null)[]): number | null => {
  const known = waits.filter((wait) => wait !== null)
  return known.length === 0 ? null : Math.min(...known)
}

interface Refused {
  readonly id: string
  readonly error: StoredMessageError
}

/** The changeable part of the gate again: the world went on while they waited. */
async function judge(
  tx: TenantTx,
  provider: ProviderName,
  channelId: string,
  found: readonly Candidate[],
): Promise<{ sound: Candidate[]; refused: Refused[] }> {
  const templates = await findTemplates(
    tx,
    found.map(templateOf).flatMap((template) => (template ? [{ channelId, ...template }] : [])),
  )
  const sound: Candidate[] = []
  const refused: Refused[] = []
  for (const candidate of found) {
    const failure =
      recipientRefusal(candidate) ??
      contentRefusal({
        draft: { type: candidate.type, template: templateOf(candidate) },
        route: { provider, marketing: candidate.marketing },
        channelId,
        windowExpiresAt: candidate.window_expires_at,
        templates,
        now: tx.now,
      })
    if (candidate.expired) refused.push({ id: candidate.id, error: expiredError })
    else if (failure) refused.push({ id: candidate.id, error: errorOf(failure) })
    else sound.push(candidate)
  }
  return { sound, refused }
}

function templateOf(candidate: Candidate): { name: string; language: string } | null {
  if (candidate.type !== 'template') return null
  const { name, language } = candidate.payload.template as { name: string; language: string }
  return { name, language }
}

const expiredError: StoredMessageError = {
  code: 'send_expired',
  title: errors.send_expired.means,
  detail: '',
  retryable: true,
}

function errorOf(failure: Failure): StoredMessageError {
  return {
    code: failure.code,
    title: failure.message,
    detail: 'it was so when the message was about to be sent',
    retryable: false,
  }
}

async function failMessages(tx: TenantTx, refused: readonly Refused[]): Promise<void> {
  if (refused.length === 0) return
  const rows = await loadMessages(
    tx.query.bind(tx),
    tx.tenantId,
    refused.map((one) => one.id),
    true,
  )
  const errorsById = new Map(refused.map((one) => [one.id, one.error]))
  await settleMessages(
    tx,
    rows.map((message) => ({
      message,
      status: 'failed' as const,
      error: errorsById.get(message.id) ?? null,
      providerMessageId: null,
    })),
    { kind: 'system', name: 'delivery' },
  )
}

/** While a number sleeps its messages grow old all the same. */
async function failExpired(deps: ClaimDeps, tx: TenantTx, channelId: string): Promise<number> {
  const rows = await findExpired(deps.config, tx, channelId)
  await failMessages(
    tx,
    rows.map(({ id }) => ({ id, error: expiredError })),
  )
  return rows.length
}

function claimed(
  channel: ChannelKey,
  provider: ProviderName,
  claimToken: string,
  candidate: Candidate,
  probe: boolean,
  now: Date,
): ClaimedSend {
  const target = candidate.target_provider_id
  return {
    ...channel,
    provider,
    attemptId: uuidv7(now.getTime()),
    claimToken,
    number: candidate.attempts + 1,
    message: {
      id: candidate.id,
      to: candidate.identities,
      type: candidate.type,
      text: candidate.text,
      payload: candidate.payload,
      ...(target !== null && {
        replyTo: {
          providerMessageId: target,
          fromUs: candidate.target_direction === 'out',
          text: candidate.target_text,
        },
      }),
    },
    attachmentId: candidate.attachment_id,
    priority: candidate.priority,
    probe,
  }
}

async function insertAttempts(
  deps: ClaimDeps,
  tx: TenantTx,
  channelId: string,
  sends: readonly ClaimedSend[],
  tokens: number,
): Promise<void> {
  await tx.query(
    `with written as (
       insert into send_attempts (tenant_id, id, message_id, channel_id, number, claim_token, lease_until, started_at)
       select $1, v.id, v.message_id, $2, v.number, v.claim_token, clock_timestamp() + make_interval(secs => $4 / 1000.0), clock_timestamp()
       from json_to_recordset($3) as v(id uuid, message_id uuid, number integer, claim_token uuid))
     update channel_lanes set tokens = $5, tokens_at = clock_timestamp() where tenant_id = $1 and channel_id = $2`,
    [
      tx.tenantId,
      channelId,
      JSON.stringify(
        sends.map((send) => ({
          id: send.attemptId,
          message_id: send.message.id,
          number: send.number,
          claim_token: send.claimToken,
        })),
      ),
      deps.config.SEND_LEASE_MS,
      tokens,
    ],
  )
}
