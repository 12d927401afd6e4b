import type { TenantTx } from '../../log/tenant-tx.ts'
import { isUuid } from '../../platform/uuid.ts'
import { loadMessages } from './load-messages.ts'
import type { MessageRow } from './message-row.ts'
import { type MessageUpdate, type News, targetOf } from './message-update.ts'
import { holdParking, park, type ParkingLimits, takeParked } from './parked-updates.ts'
import { recordChanges } from './record-edits.ts'
import { recordReactions } from './record-reactions.ts'
import { recordReceipts } from './record-receipts.ts'

export type { MessageUpdate } from './message-update.ts'

/**
 * Applies what a network says about messages of a channel, and announces what is news: statuses first, then reactions,
 * then edits and deletions, each kind in the order given. News about messages that we do not know is parked until they
 * appear (`applyParked`) or it expires. Doing it twice changes nothing the second time.
 *
 * Some statements per kind, however much it is. Locks in order: the messages by id, contacts whose addresses we learn by
 * id, and last the channel's parking; so it comes behind everything else that the transaction locks, and before
 * `applyParked` for messages that the transaction inserts. One transaction at a time should do this for a channel, as the
 * ingest does: the end is the same without, but two that park and find at the same moment can be a deadlock, which
 * `inTenant` tries again.
 */
export async function applyUpdates(
  tx: TenantTx,
  channelId: string,
  updates: readonly MessageUpdate[],
  limits: ParkingLimits,
): Promise<void> {
  if (updates.length === 0) return
  const { unknown, learnt } = await applyKnown(tx, channelId, updates)
  const waiting = unknown.filter(isWorthWaiting)
  if (waiting.length > 0) {
    await holdParking(tx, channelId)
    const second = await applyKnown(tx, channelId, waiting)
    learnt.push(...second.learnt)
    if (second.unknown.length > 0) await park(tx, channelId, second.unknown, limits)
  }
  await applyParked(tx, channelId, learnt)
}

/**
 * Applies what was parked about messages that this transaction inserted, or that learnt the network's ids in it. The
 * messages must be written; the ids are the network's.
 */
export async function applyParked(
  tx: TenantTx,
  channelId: string,
  providerMessageIds: readonly string[],
): Promise<void> {
  if (providerMessageIds.length === 0) return
  const parked = await takeParked(tx, channelId, providerMessageIds)
  if (parked.length > 0) await applyKnown(tx, channelId, parked)
}

/** A participant's status says of an unknown message nothing that would be used. */
function isWorthWaiting(update: MessageUpdate): boolean {
  return update.kind !== 'status' || update.participant === undefined
}

interface Applied {
  /** News whose message nobody knows. */
  readonly unknown: MessageUpdate[]
  /** Ids of the network that messages learnt. */
  readonly learnt: string[]
}

async function applyKnown(
  tx: TenantTx,
  channelId: string,
  updates: readonly MessageUpdate[],
): Promise<Applied> {
  const messages = await lockTargets(tx, channelId, updates)
  const known: News<MessageUpdate>[] = []
  const unknown: MessageUpdate[] = []
  for (const update of updates) {
    const message = messages.find(update)
    if (message) known.push({ update, message })
    else unknown.push(update)
  }
  const learnt = await recordReceipts(tx, ofKind(known, 'status'), messages.byId)
  await recordReactions(tx, ofKind(known, 'reaction'))
  await recordChanges(tx, ofKind(known, 'edit', 'revoke'))
  return { unknown, learnt }
}

function ofKind<Kind extends MessageUpdate['kind']>(
  news: readonly News<MessageUpdate>[],
  ...kinds: readonly Kind[]
): News<Extract<MessageUpdate, { kind: Kind }>>[] {
  return news.filter(({ update }) => (kinds as readonly string[]).includes(update.kind)) as News<
    Extract<MessageUpdate, { kind: Kind }>
  >[]
}

interface Targets {
  readonly byId: ReadonlyMap<string, MessageRow>
  /** The message that an update is about; undefined when nobody knows it. */
  readonly find: (update: MessageUpdate) => MessageRow | undefined
}

/**
 * Locks the messages that are spoken of, found by the network's id or, for a status, by ours: only a message that we sent
 * through this channel and that has no other id of the network. Also those that a reaction of ours is about, when
 * a status may tell that it arrived.
 */
async function lockTargets(
  tx: TenantTx,
  channelId: string,
  updates: readonly MessageUpdate[],
): Promise<Targets> {
  const ours = updates.map(ourIdOf).filter((id) => id !== undefined)
  const found = await tx.query<{ id: string; reply_to_id: string | null }>(
    `select m.id, case when m.type = 'reaction' and m.status in ('queued', 'unknown') then m.reply_to_id end as reply_to_id
     from messages m where m.tenant_id = $1 and m.channel_id = $2 and m.provider_message_id = any($3)
     union select m.id, case when m.type = 'reaction' and m.status in ('queued', 'unknown') then m.reply_to_id end
     from messages m where m.tenant_id = $1 and m.channel_id = $2 and m.id = any($4) and m.direction = 'out'`,
    [tx.tenantId, channelId, [...new Set(updates.map(targetOf))], ours],
  )
  const ids = new Set(
    found.flatMap(({ id, reply_to_id }) => (reply_to_id === null ? [id] : [id, reply_to_id])),
  )
  const rows = ids.size === 0 ? [] : await loadMessages(tx.query.bind(tx), tx.tenantId, [...ids], true)
  const byId = new Map(rows.map((row) => [row.id, row]))
  const candidates = found.map(({ id }) => byId.get(id)).filter((row) => row !== undefined)
  const byProviderId = new Map(candidates.map((row) => [row.provider_message_id, row]))
  const claimed = new Set<string>()
  const find = (update: MessageUpdate): MessageRow | undefined => {
    const target = targetOf(update)
    const named = byProviderId.get(target)
    if (named) return named
    const own = byId.get(ourIdOf(update) ?? '')
    if (!own || own.direction !== 'out' || own.provider_message_id !== null || claimed.has(own.id))
      return undefined
    claimed.add(own.id)
    byProviderId.set(target, own)
    return own
  }
  return { byId, find }
}

function ourIdOf(update: MessageUpdate): string | undefined {
  return update.kind === 'status' && isUuid(update.ourMessageId) ? update.ourMessageId : undefined
}
