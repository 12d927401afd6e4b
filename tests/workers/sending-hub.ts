import { Readable } from 'node:stream'
import type { Actor } from '../../src/auth/actor.ts'
import type { MessageView } from '../../src/contract/message.ts'
import type { SendMessageInput } from '../../src/contract/socket.ts'
import { sendMessage } from '../../src/domain/messages/send-message.ts'
import { readEvents } from '../../src/log/read.ts'
import { readTenant } from '../../src/log/read-tenant.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import type { Environment } from '../../src/platform/config.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { startWorkers, type Workers } from '../../workers/server.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { connectNumber, type TestNumber } from '../harness/number.ts'

/** A message as it is stored. */
export interface Stored {
  id: string
  status: string
  error: { code: string; retryable: boolean; title: string } | null
  provider_message_id: string | null
  text: string
}

/** A hub with a number on the fake network, an agent who sends, and workers when the test says so. */
export interface SendingHub extends Hub {
  readonly number: TestNumber
  readonly actor: Actor
  readonly send: (
    conversationId: string,
    text: string,
    rest?: Partial<SendMessageInput>,
    as?: Actor,
  ) => ReturnType<typeof sendMessage>
  /** Starts the workers, until the hub closes. */
  readonly work: () => Workers
  /** A question to the tenant's rows; `$1` is the tenant. */
  rows<Row extends object>(sql: string, values?: readonly unknown[]): Promise<Row[]>
  /** A change of the tenant's rows; `$1` is the tenant. */
  change(sql: string, values?: readonly unknown[]): Promise<unknown>
  /** All messages, oldest first. */
  stored(): Promise<Stored[]>
  /** The message, when it is not queued any more. */
  settled(message: MessageView): Promise<Stored>
  /** Types of the events that speak of a message. */
  eventsOf(messageId: string): Promise<string[]>
  /** A program with a key, whose messages let live chat go first. */
  program(): Actor
  /** A stored file, with or without its object in the store. */
  storeFile(options: { withBytes: boolean }): Promise<string>
}

const impatient = {
  SEND_RATE_PER_SECOND: '1000',
  SEND_BURST: '1000',
  SWEEP_MS: '200',
  PROVIDER_TIMEOUT_MS: '1000',
  SEND_LEASE_MS: '3000',
}

/** Starts a hub that sends as fast as it can, gives up soon, and looks often. */
export async function startSending(more: Environment = {}): Promise<SendingHub> {
  const hub = await startHub({ ...impatient, ...more })
  const number = await connectNumber(hub)
  const { actor } = await hub.signIn('agent')
  const rows: SendingHub['rows'] = (sql, values = []) =>
    readTenant(hub.deps, hub.tenant.id, (query) => query(sql, [hub.tenant.id, ...values]))
  const change: SendingHub['change'] = (sql, values = []) =>
    inTenant(hub.deps, hub.tenant.id, (tx) => tx.query(sql, [hub.tenant.id, ...values]))
  const stored: SendingHub['stored'] = () =>
    rows('select id, status, error, provider_message_id, text from messages where tenant_id = $1 order by id')
  return {
    ...hub,
    number,
    actor,
    rows,
    change,
    stored,
    send: (conversationId, text, rest = {}, as = actor) =>
      sendMessage(hub.deps, as, {
        conversationId,
        clientMessageId: uuidv7(),
        type: 'text',
        text,
        ...rest,
      } as SendMessageInput & { conversationId: string }),
    work: () => {
      const workers = startWorkers(hub.deps)
      hub.onClose(() => workers.close())
      return workers
    },
    settled: (message) =>
      eventually(async () => {
        const found = (await stored()).find(({ id }) => id === message.id)
        if (!found || found.status === 'queued') throw new Error(`still ${found?.status}`)
        return found
      }),
    eventsOf: async (messageId) => {
      const page = await readEvents(hub.deps, hub.tenant.id, { epoch: 1, seq: 0 }, 1000)
      if (typeof page === 'string') throw new Error(page)
      return page.events.filter(({ payload }) => payload.includes(messageId)).map(({ type }) => type)
    },
    program: () => ({
      kind: 'key',
      tenantId: hub.tenant.id,
      id: uuidv7(),
      name: 'n8n',
      role: 'admin',
      scopes: [],
      teamIds: new Set(),
      closedChannelIds: new Set(),
      ratePerMinute: null,
    }),
    storeFile: async ({ withBytes }) => {
      const id = uuidv7()
      await hub.deps.storage.ready()
      if (withBytes)
        await hub.deps.storage.put(`test/${id}`, Readable.from([Buffer.from('the bytes')]), 'image/png')
      await change(
        `insert into attachments (tenant_id, id, direction, state, mime_type, size_bytes, object_key) values ($1, $2, 'out', 'stored', 'image/png', 9, $3)`,
        [id, `test/${id}`],
      )
      return id
    },
  }
}
