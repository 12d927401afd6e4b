import type { ContactView } from '../../src/contract/records.ts'
import type { ConversationView } from '../../src/contract/conversation.ts'
import type { MessageView } from '../../src/contract/message.ts'
import { viewContacts } from '../../src/domain/contacts/present-contact.ts'
import { viewConversations } from '../../src/domain/conversations/load-conversations.ts'
import { loadMessages } from '../../src/domain/messages/load-messages.ts'
import { presentMessage } from '../../src/domain/messages/present-message.ts'
import { ingestChannel } from '../harness/ingest-channel.ts'
import { readTenant } from '../../src/log/read-tenant.ts'
import type { Environment } from '../../src/platform/config.ts'
import { type CloudNumber, type IntakeHub, startIntake } from '../webhooks/intake-hub.ts'
import { delivery } from './cloud-bodies.ts'

/** Everything that an inbox of conversations shows, in the order in which it began. */
export interface Shown {
  readonly conversations: ConversationView[]
  readonly messages: MessageView[]
  readonly contacts: ContactView[]
}

/** A hub with one Cloud number, whose deliveries come over HTTP and are processed when the test says so. */
export interface IngestHub extends IntakeHub {
  readonly number: CloudNumber
  /** Posts a delivery of these values. */
  deliver(...values: Record<string, unknown>[]): Promise<void>
  deliverField(field: string, ...values: Record<string, unknown>[]): Promise<void>
  /** Processes what waits. */
  ingest(): Promise<number>
  /** All of the tenant, as clients see it. */
  shown(): Promise<Shown>
}

export async function startIngest(more: Environment = {}): Promise<IngestHub> {
  const intake = await startIntake(more)
  const { hub } = intake
  const number = await intake.addNumber()
  const deliverField = async (field: string, ...values: Record<string, unknown>[]) => {
    const answer = await intake.post(number, delivery(number, values, field))
    if (answer.status !== 200) throw new Error(`the delivery was answered ${answer.status}`)
  }
  return {
    ...intake,
    [Symbol.asyncDispose]: () => intake[Symbol.asyncDispose](),
    number,
    deliverField,
    deliver: (...values) => deliverField('messages', ...values),
    ingest: async () => {
      const key = { tenantId: hub.tenant.id, channelId: number.channelId }
      return (await ingestChannel(hub.deps, key)).deliveries
    },
    shown: () =>
      readTenant(hub.deps, hub.tenant.id, async (query) => {
        const ids = async <Id>(table: string, order: string): Promise<Id[]> =>
          (await query<{ id: Id }>(`select id from ${table} order by ${order}`)).map((row) => row.id)
        const conversationIds = await ids<string>('conversations', 'number')
        const messageIds = await ids<string>('messages', 'conversation_id, seq')
        const views = await viewConversations(query, hub.tenant.id, conversationIds, new Date())
        const rows = new Map(
          (await loadMessages(query, hub.tenant.id, messageIds)).map((row) => [row.id, row]),
        )
        return {
          conversations: conversationIds.map((id) => views.get(id)).filter((view) => view !== undefined),
          messages: messageIds
            .map((id) => rows.get(id))
            .filter((row) => row !== undefined)
            .map(presentMessage),
          contacts: await viewContacts(query, hub.tenant.id, await ids<number>('contacts', 'id')),
        }
      }),
  }
}
