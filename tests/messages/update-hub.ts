import { randomUUID } from 'node:crypto'
import type { Actor } from '../../src/auth/actor.ts'
import type { AnyLogEvent } from '../../src/contract/events/catalogue.ts'
import type { SendMessageInput } from '../../src/contract/socket.ts'
import type { Deps } from '../../src/deps.ts'
import { applyUpdates, type MessageUpdate } from '../../src/domain/messages/apply-updates.ts'
import { type ClaimedSend, claimSends } from '../../src/domain/messages/claim-sends.ts'
import { recordOutcome } from '../../src/domain/messages/record-outcome.ts'
import { sendMessage } from '../../src/domain/messages/send-message.ts'
import { recordItems } from '../../src/domain/webhooks/record-items.ts'
import { readEvents } from '../../src/log/read.ts'
import { readTenant } from '../../src/log/read-tenant.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import type { Environment } from '../../src/platform/config.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import type {
  InboundEdit,
  InboundItem,
  InboundMessage,
  InboundReaction,
  InboundRevoke,
  InboundStatus,
  Person,
} from '../../src/providers/inbound.ts'
import type { SendOutcome } from '../../src/providers/port.ts'
import { startHub } from '../harness/hub.ts'
import { connectNumber } from '../harness/number.ts'

/** A message as the database has it. */
export interface StoredRow {
  id: string
  conversation_id: string
  status: string
  error: { code: string; title: string; detail: string; retryable: boolean } | null
  pricing: Record<string, unknown> | null
  provider_message_id: string | null
  text: string | null
  payload: Record<string, unknown>
  edited_at: string | null
  deleted_at: string | null
  reactions: { emoji: string; by: { kind: string; id?: string; name?: string }; at: string }[]
}

/** Noon of some day, and seconds after it: the network's times. */
export const at = (seconds = 0): Date => new Date(Date.UTC(2026, 9, 1, 12) + seconds * 1000)

let names = 0
export const networkId = (): string => `net-${++names}-${randomUUID().slice(0, 8)}`

export const status = (
  providerMessageId: string,
  name: InboundStatus['status'],
  more: Partial<InboundStatus> = {},
): InboundStatus => ({ kind: 'status', at: at(), providerMessageId, status: name, ...more })

export const person = (phone: string, name?: string): Person => ({
  identities: [{ kind: 'phone', value: phone }],
  ...(name !== undefined && { name }),
})

export const reaction = (
  targetProviderMessageId: string,
  emoji: string | null,
  seconds: number,
  more: Partial<InboundReaction> = {},
): InboundReaction => ({
  kind: 'reaction',
  at: at(seconds),
  providerMessageId: networkId(),
  targetProviderMessageId,
  emoji,
  chat: person('491700000000'),
  direction: 'in',
  ...more,
})

export const edit = (
  targetProviderMessageId: string,
  text: string | null,
  seconds: number,
  more: Partial<InboundEdit> = {},
): InboundEdit => ({
  kind: 'edit',
  at: at(seconds),
  providerMessageId: networkId(),
  targetProviderMessageId,
  text,
  ...more,
})

export const revoke = (
  targetProviderMessageId: string,
  seconds: number,
  more: Partial<InboundRevoke> = {},
): InboundRevoke => ({ kind: 'revoke', at: at(seconds), targetProviderMessageId, ...more })

/** A hub with a number, a customer who wrote, and somebody of ours; nothing runs but what a test calls. */
export async function startUpdateHub(more: Environment = {}) {
  const hub = await startHub({ SEND_RATE_PER_SECOND: '1000', SEND_BURST: '1000', ...more })
  const number = await connectNumber(hub)
  const { channelId } = number
  const conversation = await number.conversation()
  const { actor } = await hub.signIn('agent', { name: 'Ana' })
  const tenantId = hub.tenant.id

  const rows = <Row extends object>(sql: string, values: readonly unknown[] = []) =>
    readTenant(hub.deps, tenantId, (query) => query<Row>(sql, [tenantId, ...values]))
  const change = (sql: string, values: readonly unknown[] = []) =>
    inTenant(hub.deps, tenantId, (tx) => tx.query(sql, [tenantId, ...values]))
  const events = async (): Promise<AnyLogEvent[]> => {
    const page = await readEvents(hub.deps, tenantId, { epoch: 1, seq: 0 }, 5000)
    if (typeof page === 'string') throw new Error(page)
    return page.events.map(
      ({ seq, type, at: happened, actor: by, payload }) =>
        ({
          seq,
          epoch: 1,
          type,
          at: happened,
          actor: JSON.parse(by),
          data: JSON.parse(payload),
        }) as AnyLogEvent,
    )
  }
  const find = async (id: string): Promise<StoredRow> => {
    const [row] = await rows<StoredRow>(
      `select id, conversation_id, status, error, pricing, provider_message_id, text, payload, edited_at, deleted_at, reactions
       from messages where tenant_id = $1 and id = $2`,
      [id],
    )
    if (!row) throw new Error(`there is no message ${id}`)
    return row
  }

  return {
    hub,
    number,
    channelId,
    conversation,
    customer: person(conversation.phone),
    actor,
    rows,
    change,
    events,
    find,
    /** What the log says of a message, the oldest first. */
    eventsOf: async (messageId: string) =>
      (await events()).filter(({ data }) => JSON.stringify(data).includes(messageId)),
    typesOf: async (messageId: string) =>
      (await events()).filter(({ data }) => JSON.stringify(data).includes(messageId)).map(({ type }) => type),
    apply: (updates: readonly MessageUpdate[], options: { deps?: Deps; channelId?: string } = {}) => {
      const deps = options.deps ?? hub.deps
      return inTenant(deps, tenantId, (tx) =>
        applyUpdates(tx, options.channelId ?? channelId, updates, deps.config),
      )
    },
    /** What the network delivers, through everything that the ingest worker does with it. */
    ingest: (items: readonly InboundItem[]) =>
      inTenant(hub.deps, tenantId, (tx) =>
        recordItems(
          tx,
          hub.deps,
          channelId,
          items.map((item) => ({ item, inboxId: 0, receivedAt: item.at })),
        ),
      ),
    /** A message of the customer as the network delivers it. */
    says: (text: string | null, seconds: number, rest: Partial<InboundMessage> = {}): InboundMessage => ({
      kind: 'message',
      direction: 'in',
      origin: 'live',
      providerMessageId: networkId(),
      chat: person(conversation.phone),
      type: 'text',
      text,
      payload: {},
      at: at(seconds),
      opensWindow: true,
      ...rest,
    }),
    idOf: async (providerMessageId: string): Promise<string> => {
      const [row] = await rows<{ id: string }>(
        'select id from messages where tenant_id = $1 and provider_message_id = $2',
        [providerMessageId],
      )
      if (!row) throw new Error(`nobody knows ${providerMessageId}`)
      return row.id
    },
    /** Queues a message of ours. */
    queue: async (
      text: string,
      rest: Partial<SendMessageInput> & { conversationId?: string } = {},
      as: Actor = actor,
    ) =>
      (
        await sendMessage(hub.deps, as, {
          conversationId: conversation.id,
          clientMessageId: uuidv7(),
          type: 'text',
          ...(rest.type === undefined && { text }),
          ...rest,
        } as SendMessageInput & { conversationId: string })
      ).message.id,
    /** Claims what is due, as a worker does before it calls the network. */
    claim: async (): Promise<ClaimedSend[]> => [
      ...(await claimSends(hub.deps, { tenantId, channelId }, uuidv7(), { all: 100, bulk: 100 })).sends,
    ],
    answer: (send: ClaimedSend, outcome: SendOutcome) =>
      recordOutcome(hub.deps, { send, outcome, tripped: false }),
    /** Messages of ours in some state, made without a network. */
    outbound: async (state: 'queued' | 'sent' | 'unknown', count = 1) => {
      const made = Array.from({ length: count }, () => ({ id: uuidv7(), net: networkId() }))
      await change(
        `insert into messages (tenant_id, id, conversation_id, channel_id, seq, direction, author_kind, author_id, author_name, type, text, status,
           provider_message_id, sent_at)
         select $1, v.id, c.id, c.channel_id, c.last_seq + v.place, 'out', 'agent', $5, 'Ana', 'text', 'hello ' || v.place, $3, v.net, $4
         from unnest($6::uuid[], $7::text[]) with ordinality as v(id, net, place) join conversations c on c.tenant_id = $1 and c.id = $2`,
        [
          conversation.id,
          state,
          at(),
          actor.id,
          made.map(({ id }) => id),
          made.map(({ net }) => (state === 'sent' ? net : null)),
        ],
      )
      await change(
        `update conversations c set last_seq = last_seq + $3, last_message_id = $4 where tenant_id = $1 and id = $2`,
        [conversation.id, count, made.at(-1)?.id],
      )
      return made
    },
    /** Everything stored and announced, to see that something changes nothing. */
    everything: async () => ({
      messages: await rows('select * from messages where tenant_id = $1 order by id'),
      versions: await rows(
        'select * from message_versions where tenant_id = $1 order by message_id, version',
      ),
      parked: await rows('select item from parked_updates where tenant_id = $1 order by id'),
      events: await events(),
    }),
    parked: () =>
      rows<{ provider_message_id: string; item: MessageUpdate }>(
        'select provider_message_id, item from parked_updates where tenant_id = $1 order by id',
      ),
    [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose](),
  }
}

export type UpdateHub = Awaited<ReturnType<typeof startUpdateHub>>

/** Every order of some things. */
export function ordersOf<T>(things: readonly T[]): T[][] {
  if (things.length <= 1) return [[...things]]
  return things.flatMap((first, place) =>
    ordersOf(things.toSpliced(place, 1)).map((rest) => [first, ...rest]),
  )
}

/** Every choice of at least one of some things. */
export function choicesOf<T>(things: readonly T[]): T[][] {
  return Array.from({ length: 2 ** things.length - 1 }, (_, mask) =>
    things.filter((_thing, place) => ((mask + 1) >> place) & 1),
  )
}
