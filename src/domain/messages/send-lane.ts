import { isDeepStrictEqual } from 'node:util'
import { type Actor, presentActor } from '../../auth/actor.ts'
import { permit } from '../../auth/can.ts'
import { Failure } from '../../contract/errors.ts'
import type { MessageView } from '../../contract/message.ts'
import type { SendMessageInput } from '../../contract/socket.ts'
import { type CommitMoment, notingCommits, presentMoment } from '../../log/commit-moment.ts'
import { inTenant, type LogDeps, type TenantTx } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import { isUnavailable, isUniqueViolation } from '../../platform/db.ts'
import { Lane } from '../../platform/lane.ts'
import type { Storage } from '../../platform/storage.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import type { ConversationRow } from '../conversations/conversation-row.ts'
import { viewConversations } from '../conversations/load-conversations.ts'
import { hearersOf, placeOf, presentPatch } from '../conversations/present-conversation.ts'
import { findTemplates } from '../templates/find-templates.ts'
import { loadMessages } from './load-messages.ts'
import {
  clientKeyOf,
  type FileRow,
  findByClientKeys,
  findFiles,
  findLiveElsewhere,
  findNewer,
  loadRoutes,
  lockForSend,
} from './load-send-facts.ts'
import type { MessageRow } from './message-row.ts'
import { presentMessage } from './present-message.ts'
import { insertQueued, type QueuedMessage } from './queue-messages.ts'
import { type Draft, draftOf } from './send-draft.ts'
import { refusalOf } from './send-gate.ts'

export interface SendDeps extends LogDeps {
  readonly config: Pick<
    Config,
    | 'SEND_BATCH'
    | 'SEND_WAITING'
    | 'TEXT_CHARACTERS'
    | 'DATABASE_POOL'
    | 'MEDIA_BYTES'
    | 'MEDIA_UPLOAD_SECONDS'
  >
  /** For a look at the file that a message is about to refer to. */
  readonly storage: Storage
}

/** One send that waits for its batch. */
export interface SendJob {
  readonly actor: Actor
  readonly input: SendMessageInput & { readonly conversationId: string }
  readonly draft: Draft
  /** Of the command or request that asked for it. */
  readonly moment: CommitMoment | undefined
}

/** `repeated`: the key was used before; `message` is the first one as it is now, and nothing was written. */
export interface Sent {
  readonly message: MessageView
  readonly repeated: boolean
}

/** Most messages that a refusal `colleague_replied` shows. */
const mostNewer = 20

/** One lane per process: whatever waits of a tenant is queued in one transaction (docs/measurements.md). */
const lanes = new WeakMap<SendDeps, Lane<string, SendJob, Sent>>()

/** Queues a message with whatever else waits of its tenant. */
export function submitSend(
  deps: SendDeps,
  actor: Actor,
  input: SendMessageInput & { readonly conversationId: string },
): Promise<Sent> {
  let lane = lanes.get(deps)
  if (!lane) {
    lane = new Lane({
      keyOf: (job: SendJob) => job.actor.tenantId,
      batch: deps.config.SEND_BATCH,
      // Half of the pool: records, webhooks and outcomes need connections too.
      concurrency: Math.max(1, Math.floor(deps.config.DATABASE_POOL / 2)),
      waiting: deps.config.SEND_WAITING,
      onFull: () => new Failure('rate_limited', { retryAfterMs: 1000 }),
      run: (tenantId, jobs) => queueBatch(deps, tenantId, jobs),
      isCommon: isUnavailable,
    })
    lanes.set(deps, lane)
  }
  return lane.submit({
    actor,
    input,
    draft: draftOf(input, deps.config.TEXT_CHARACTERS),
    moment: presentMoment(),
  })
}

async function queueBatch(
  deps: SendDeps,
  tenantId: string,
  jobs: readonly SendJob[],
): Promise<(Sent | Error)[]> {
  const once = async () => {
    const moment: CommitMoment = {}
    const results = await notingCommits(moment, () => inTenant(deps, tenantId, (tx) => decideBatch(tx, jobs)))
    noteIn(jobs, results, moment)
    return results
  }
  try {
    return await once()
  } catch (error) {
    // The same key came in through another process at the same moment, in another conversation: now it is there to be found.
    if (isUniqueViolation(error, 'messages_one_per_client_key')) return once()
    throw error
  }
}

/** The commit of a batch is that of each message that it wrote. */
function noteIn(jobs: readonly SendJob[], results: readonly (Sent | Error)[], { at }: CommitMoment): void {
  if (at === undefined) return
  for (const [place, { moment }] of jobs.entries()) {
    const result = results[place]
    if (moment && result && !(result instanceof Error) && !result.repeated) moment.at = at
  }
}

/**
 * Looks up what all sends of the batch need, judges them in their order (a later one sees what an earlier one did), and
 * writes those that pass. At most 11 statements, 5 for plain texts, however many sends there are.
 * Locks in order: conversations by id (contacts first for resolved ones), the new rows, the head row.
 */
async function decideBatch(tx: TenantTx, jobs: readonly SendJob[]): Promise<(Sent | Error)[]> {
  const conversationIds = [...new Set(jobs.map((job) => job.input.conversationId))].sort()
  const conversations = await lockForSend(tx, conversationIds)
  const facts = await lookUp(tx, jobs, conversations)
  const queued: QueuedMessage[] = []
  const touched = new Map<string, ConversationRow>()
  const reopened = new Set<string>()
  const results = jobs.map((job, place): Sent | Error => {
    const conversation = conversations.get(job.input.conversationId)
    const route = facts.routes.get(job.input.conversationId)
    if (!conversation || !route) return new Failure('not_found')
    const known = facts.byKey.get(clientKeyOf(keyOf(job)))
    if (known) return repeat(job, known, conversation)
    const { targetId, attachmentId } = job.draft
    const target = targetId === null ? null : (facts.targets.get(targetId) ?? null)
    const file = attachmentId === null ? null : (facts.files.get(attachmentId) ?? null)
    const draft = withTarget(job.draft, target)
    const refusal = refusalOf({
      actor: job.actor,
      draft,
      conversation,
      route,
      liveElsewhere: facts.liveElsewhere.get(conversation.id) ?? null,
      newer: [...(facts.newer.get(place) ?? []), ...unseenInBatch(job, queued)]
        .slice(0, mostNewer)
        .map(presentMessage),
      templates: facts.templates,
      file,
      target,
      now: tx.now,
    })
    if (refusal) return refusal
    if (conversation.status === 'resolved') {
      conversation.status = 'open'
      conversation.resolved_at = null
      reopened.add(conversation.id)
    }
    const row = writeIn(tx, conversation, job, draft, file, target)
    touched.set(conversation.id, conversation)
    facts.byKey.set(clientKeyOf(keyOf(job)), row)
    queued.push({ row, priority: job.actor.kind === 'user' ? 0 : 1 })
    const message = presentMessage(row)
    tx.record(
      'message.queued',
      { message, conversation: presentPatch(conversation, tx.now) },
      hearersOf(conversation.id),
      presentActor(job.actor),
    )
    tx.nudge('deliver-outbound', { tenantId: tx.tenantId, channelId: conversation.channel_id })
    return { message, repeated: false }
  })
  if (queued.length > 0) await insertQueued(tx, queued, [...touched.values()])
  await announceReopened(tx, [...reopened])
  return results
}

async function lookUp(
  tx: TenantTx,
  jobs: readonly SendJob[],
  conversations: ReadonlyMap<string, ConversationRow>,
) {
  const glances = jobs.flatMap(({ actor, input, draft }, place) => {
    const { lastSeenSeq: after, force, conversationId } = input
    const lastSeq = conversations.get(conversationId)?.last_seq ?? 0
    if (after === undefined || force || draft.type === 'reaction' || after >= lastSeq) return []
    return [{ place, conversationId, after, authorId: authorOf(actor).id }]
  })
  const resolved = [...conversations.values()].filter((row) => row.status === 'resolved').map((row) => row.id)
  const templates = jobs.flatMap(({ draft, input }) => {
    const channelId = conversations.get(input.conversationId)?.channel_id
    return draft.template === null || channelId === undefined ? [] : [{ channelId, ...draft.template }]
  })
  const targetIds = present(jobs.map((job) => job.draft.targetId))
  const targets = targetIds.length === 0 ? [] : await loadMessages(tx.query.bind(tx), tx.tenantId, targetIds)
  return {
    routes: await loadRoutes(tx, [...conversations.keys()]),
    byKey: await findByClientKeys(tx, jobs.map(keyOf)),
    newer: await findNewer(tx, glances, mostNewer),
    liveElsewhere: await findLiveElsewhere(tx, resolved),
    templates: await findTemplates(tx, templates),
    files: await findFiles(tx, present(jobs.map((job) => job.draft.attachmentId))),
    targets: new Map(targets.map((row) => [row.id, row])),
  }
}

const present = (ids: readonly (string | null)[]): string[] => [...new Set(ids.filter((id) => id !== null))]

const keyOf = (job: SendJob) => ({
  authorId: authorOf(job.actor).id,
  clientMessageId: job.input.clientMessageId,
})

/** How a sender stands in its message. Programs with a key are `api`, our own processes `system`. */
function authorOf(actor: Actor): { kind: 'agent' | 'api' | 'system'; id: string; name: string } {
  if (actor.kind === 'system') return { kind: 'system', id: actor.name, name: actor.name }
  return { kind: actor.kind === 'user' ? 'agent' : 'api', id: actor.id, name: actor.name }
}

/** The same key again: the first message, when it is the same one that is asked for. */
function repeat(job: SendJob, known: MessageRow, conversation: ConversationRow): Sent | Error {
  try {
    permit(job.actor, 'message.send', placeOf(conversation))
  } catch (error) {
    return error as Error
  }
  const { draft } = job
  const { targetProviderMessageId: _t, targetFromUs: _u, targetSender: _s, ...payload } = known.payload
  // What was edited or deleted since is not what it was; the rest must do.
  const isChanged = known.edited_at !== null || known.deleted_at !== null
  const same =
    known.conversation_id === conversation.id &&
    known.type === draft.type &&
    known.attachment_id === draft.attachmentId &&
    known.reply_to_id === draft.targetId &&
    (isChanged ||
      (known.text === draft.text && isDeepStrictEqual(payload, JSON.parse(JSON.stringify(draft.payload)))))
  if (!same) return new Failure('idempotency_key_reused', { clientMessageId: job.input.clientMessageId })
  return { message: presentMessage(known), repeated: true }
}

/** Messages of others that this very batch writes before this one. */
function unseenInBatch({ actor, input, draft }: SendJob, queued: readonly QueuedMessage[]): MessageRow[] {
  if (input.lastSeenSeq === undefined || input.force || draft.type === 'reaction') return []
  const { id } = authorOf(actor)
  return queued
    .map(({ row }) => row)
    .filter(
      (row) =>
        row.conversation_id === input.conversationId && row.author_id !== id && row.type !== 'reaction',
    )
}

/** A reaction names its target by the network's id, and says what the network needs to find it. */
function withTarget(draft: Draft, target: MessageRow | null): Draft {
  if (draft.type !== 'reaction' || target === null) return draft
  const participant = target.payload.participant as { identities?: unknown } | undefined
  return {
    ...draft,
    payload: {
      ...draft.payload,
      targetProviderMessageId: target.provider_message_id,
      ...(target.direction === 'out' && { targetFromUs: true }),
      ...(participant?.identities !== undefined && { targetSender: participant.identities }),
    },
  }
}

/** The new message as the next one of its conversation; the conversation is changed with it. */
function writeIn(
  tx: TenantTx,
  conversation: ConversationRow,
  job: SendJob,
  draft: Draft,
  file: FileRow | null,
  target: MessageRow | null,
): MessageRow {
  const now = tx.now.toISOString()
  const author = authorOf(job.actor)
  const row: MessageRow = {
    id: uuidv7(tx.now.getTime()),
    conversation_id: conversation.id,
    channel_id: conversation.channel_id,
    seq: conversation.last_seq + 1,
    direction: 'out',
    author_kind: author.kind,
    author_id: author.id,
    author_name: author.name,
    type: draft.type,
    text: draft.text,
    payload: draft.payload,
    attachment_id: draft.attachmentId,
    reply_to_id: draft.targetId,
    reply_to_provider_id: target?.provider_message_id ?? null,
    reactions: [],
    status: 'queued',
    error: null,
    client_message_id: job.input.clientMessageId,
    provider_message_id: null,
    sent_at: now,
    edited_at: null,
    deleted_at: null,
    created_at: now,
    attachment: file === null ? null : attachmentOf(file),
  }
  conversation.last_seq = row.seq
  conversation.last_message_id = row.id
  conversation.version += 1
  conversation.updated_at = now
  if (conversation.last_activity_at < now) conversation.last_activity_at = now
  // A thumbs-up is no answer: the customer goes on waiting.
  if (draft.type !== 'reaction') conversation.waiting_since = null
  return row
}

function attachmentOf({
  direction: _d,
  created_by: _c,
  ...file
}: FileRow): NonNullable<MessageRow['attachment']> {
  return file
}

async function announceReopened(tx: TenantTx, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  const views = await viewConversations(tx.query.bind(tx), tx.tenantId, ids, tx.now)
  for (const [id, conversation] of views)
    tx.record('conversation.status_changed', { conversation }, hearersOf(id))
}
