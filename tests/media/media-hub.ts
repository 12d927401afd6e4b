import { Client } from 'minio'
import pg from 'pg'
import { type AnyLogEvent } from '../../src/contract/events/catalogue.ts'
import type { MessageView } from '../../src/contract/message.ts'
import { openConversations } from '../../src/domain/conversations/open-conversation.ts'
import type { AttachmentRow, StoredRef } from '../../src/domain/media/attachment-row.ts'
import { loadMessages } from '../../src/domain/messages/load-messages.ts'
import { presentMessage } from '../../src/domain/messages/present-message.ts'
import { readEvents } from '../../src/log/read.ts'
import { encodeEvent } from '../../src/log/stored-event.ts'
import { readTenant } from '../../src/log/read-tenant.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import type { Environment } from '../../src/platform/config.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'

export interface Received {
  readonly messageId: string
  readonly attachmentId: string
  readonly conversationId: string
}

export interface MediaHub extends AsyncDisposable {
  readonly hub: Hub
  readonly channelId: string
  /** A message with a file that nobody has fetched yet, as ingest leaves it. */
  receive(ref: StoredRef, more?: Partial<ReceivedParts>): Promise<Received>
  row(
    attachmentId: string,
  ): Promise<AttachmentRow & { claim_token: string | null; next_attempt_at: string | null }>
  message(messageId: string): Promise<MessageView>
  /** Every event of the tenant, oldest first. */
  events(): Promise<AnyLogEvent[]>
  /** Makes a file that waits for its next try due now. */
  dueNow(attachmentId: string): Promise<void>
  /** As if nobody could write any more where no row knows of it. */
  straysDueNow(): Promise<void>
  /** As if its worker had been silent for too long. */
  expireLease(attachmentId: string): Promise<void>
  /** Keys of uploads in parts that are not finished. */
  halfUploads(): Promise<string[]>
  /** The one stored webhook delivery. */
  onlyDelivery(): Promise<number>
  /** As the sweep of old deliveries does. */
  dropDelivery(id: number): Promise<void>
  /** Gives the person of a conversation a number and opens the window, so that we may write to them. */
  makeReachable(conversationId: string): Promise<void>
  /** Settles when some transaction of this hub waits for a lock. */
  waitingForLock(): Promise<void>
  /** Everything in the bucket. */
  objects(): Promise<string[]>
}

interface ReceivedParts {
  mimeType: string
  fileName: string | null
  sizeBytes: number | null
  sha256: string | null
  channelId: string
  assigneeId: string
}

/** A hub with one channel of the fake network, whose server the test plays. */
export async function startMediaHub(
  server: { url: string; host: string },
  more: Environment = {},
): Promise<MediaHub> {
  const hub = await startHub({ MEDIA_HOSTS: server.host, GRAPH_API_URL: server.url, ...more })
  const { deps, tenant } = hub
  const channel = await hub.addChannel({
    provider: 'fake',
    settings: { number: '1555', baseUrl: server.url },
    secrets: { apiKey: 'the-key-of-the-fake-network' },
    externalId: '1555',
  })
  let people = 0

  const self: MediaHub = {
    hub,
    channelId: channel.id,
    receive: (ref, parts = {}) =>
      inTenant(deps, tenant.id, async (tx) => {
        people += 1
        const channelId = parts.channelId ?? channel.id
        const [contact] = await tx.query<{ id: number }>(
          `insert into contacts (tenant_id, first_name) values ($1, $2) returning id`,
          [tenant.id, `Person ${people}`],
        )
        if (!contact) throw new Error('no contact')
        const opened = await openConversations(tx, {
          channelId,
          contactIds: [contact.id],
          reopenHours: 0,
          wake: false,
          ...(parts.assigneeId === undefined ? {} : { assigneeId: parts.assigneeId }),
        })
        const conversationId = opened.get(contact.id)?.id ?? ''
        const [messageId, attachmentId] = [uuidv7(), uuidv7()]
        await tx.query(
          `insert into attachments (tenant_id, id, direction, state, mime_type, size_bytes, sha256, file_name, ref, channel_id, next_attempt_at)
           values ($1, $2, 'in', 'pending', $3, $4, $5, $6, $7, $8, now())`,
          [
            tenant.id,
            attachmentId,
            parts.mimeType ?? 'image/jpeg',
            parts.sizeBytes ?? null,
            parts.sha256 ?? null,
            parts.fileName ?? null,
            JSON.stringify(ref),
            channelId,
          ],
        )
        await tx.query(
          `insert into messages (tenant_id, id, conversation_id, channel_id, seq, direction, author_kind, type, text, attachment_id, status, sent_at)
           values ($1, $2, $3, $4, 1, 'in', 'contact', 'image', 'a caption', $5, 'received', $6)`,
          [tenant.id, messageId, conversationId, channelId, attachmentId, tx.now],
        )
        await tx.query(
          `update conversations set last_seq = 1, unread_count = 1, last_message_id = $3 where tenant_id = $1 and id = $2`,
          [tenant.id, conversationId, messageId],
        )
        return { messageId, attachmentId, conversationId }
      }),
    row: async (attachmentId) => {
      const [row] = await readTenant(deps, tenant.id, (query) =>
        query<Awaited<ReturnType<MediaHub['row']>>>(
          'select * from attachments where tenant_id = $1 and id = $2',
          [tenant.id, attachmentId],
        ),
      )
      if (!row) throw new Error('there is no such attachment')
      return row
    },
    message: async (messageId) => {
      const [row] = await readTenant(deps, tenant.id, (query) => loadMessages(query, tenant.id, [messageId]))
      if (!row) throw new Error('there is no such message')
      return presentMessage(row)
    },
    events: async () => {
      const page = await readEvents(deps, tenant.id, { epoch: 1, seq: 0 }, 1000)
      if (typeof page === 'string') throw new Error(`the log is unreadable: ${page}`)
      return page.events.map((event) => JSON.parse(encodeEvent(event)) as AnyLogEvent)
    },
    dueNow: async (attachmentId) => {
      await inTenant(deps, tenant.id, (tx) =>
        tx.query(`update attachments set next_attempt_at = now() where tenant_id = $1 and id = $2`, [
          tenant.id,
          attachmentId,
        ]),
      )
    },
    straysDueNow: async () => {
      await inTenant(deps, tenant.id, (tx) =>
        tx.query('update stray_objects set remove_at = now() where tenant_id = $1', [tenant.id]),
      )
    },
    expireLease: async (attachmentId) => {
      await inTenant(deps, tenant.id, (tx) =>
        tx.query(
          `update attachments set lease_until = now() - interval '1 second' where tenant_id = $1 and id = $2`,
          [tenant.id, attachmentId],
        ),
      )
    },
    halfUploads: async () => {
      const page = await storeClient(hub).listIncompleteUploadsQuery(hub.config.S3_BUCKET, '', '', '', '')
      return page.uploads.map((upload) => upload.key)
    },
    onlyDelivery: async () => {
      const rows = await readTenant(deps, tenant.id, (query) =>
        query<{ id: number }>('select id from webhook_inbox where tenant_id = $1', [tenant.id]),
      )
      if (rows.length !== 1 || !rows[0]) throw new Error(`there are ${rows.length} deliveries`)
      return rows[0].id
    },
    dropDelivery: async (id) => {
      await inTenant(deps, tenant.id, (tx) =>
        tx.query(`update webhook_inbox set state = 'done' where tenant_id = $1 and id = $2`, [tenant.id, id]),
      )
      await deps.db.write.query(`select sweep_deliveries(interval '-1 second', 10)`)
    },
    makeReachable: async (conversationId) => {
      await inTenant(deps, tenant.id, async (tx) => {
        await tx.query(
          `insert into contact_identities (tenant_id, contact_id, kind, value)
           select tenant_id, contact_id, 'phone', '5511999990001' from conversations where tenant_id = $1 and id = $2`,
          [tenant.id, conversationId],
        )
        await tx.query(
          `update conversations set window_expires_at = now() + interval '1 hour' where tenant_id = $1 and id = $2`,
          [tenant.id, conversationId],
        )
      })
    },
    waitingForLock: async () => {
      const client = new pg.Client({ connectionString: hub.config.DATABASE_URL })
      await client.connect()
      try {
        await eventually(async () => {
          const { rowCount } = await client.query(
            `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
          )
          if (rowCount === 0) throw new Error('nobody waits')
        }, 3000)
      } finally {
        await client.end()
      }
    },
    objects: () => listObjects(hub),
    [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose](),
  }
  return self
}

async function listObjects(hub: Hub): Promise<string[]> {
  const keys: string[] = []
  for await (const item of storeClient(hub).listObjectsV2(hub.config.S3_BUCKET, '', true))
    keys.push((item as { name: string }).name)
  return keys
}

/** A client of the hub's object store that knows nothing of ours. */
export function storeClient(hub: Hub): Client {
  const { hostname, port } = new URL(hub.config.S3_ENDPOINT)
  return new Client({
    endPoint: hostname,
    port: Number(port),
    useSSL: false,
    region: hub.config.S3_REGION,
    accessKey: hub.config.S3_ACCESS_KEY ?? '',
    secretKey: hub.config.S3_SECRET_KEY ?? '',
    pathStyle: true,
  })
}
