import type { Identity, InboundItem, Person } from '../../src/providers/inbound.ts'
import { inTenant, type LogDeps, type TenantTx } from '../../src/log/tenant-tx.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import type { World } from './fixture-hub.ts'

const longAgo = '2020-01-01T00:00:00.000Z'
const somebody: Person = { identities: [{ kind: 'phone', value: '15550001111' }] }

/** What a message said before the news about it. */
export const saidBefore = 'as it was'

/**
 * Makes the past that news is about: the messages that statuses, reactions, edits and deletions name, and the people that
 * changes of names and addresses name, each known by as little as possible.
 */
export async function seedPast(
  deps: LogDeps,
  world: World,
  channelId: string,
  items: readonly InboundItem[],
): Promise<void> {
  await inTenant(deps, world.tenantId, async (tx) => {
    const contacts = new Contacts(tx)
    const conversations = new Map<number, string>()
    const done = new Set<string>()
    for (const item of items) {
      if (item.kind === 'identity')
        await contacts.know(item.leave.length > 0 ? item.leave : item.person.identities.slice(0, 1))
      if (item.kind === 'contact') await contacts.know(item.person.identities.slice(0, 1))
      if (!['status', 'reaction', 'edit', 'revoke'].includes(item.kind)) continue
      const target = 'targetProviderMessageId' in item ? item.targetProviderMessageId : idOf(item)
      if (done.has(target)) continue
      done.add(target)
      const chat = ('chat' in item ? item.chat : 'recipient' in item ? item.recipient : undefined) ?? somebody
      const contactId = await contacts.know(keys(chat).slice(0, 1))
      let conversationId = conversations.get(contactId)
      if (conversationId === undefined) {
        conversationId = await converse(tx, channelId, contactId)
        conversations.set(contactId, conversationId)
      }
      const isTheirs = (item.kind === 'edit' || item.kind === 'revoke') && item.direction !== 'out'
      await say(tx, {
        channelId,
        conversationId,
        target,
        isTheirs,
        reactions: reactionsBefore(item, contactId),
      })
    }
  })
}

const idOf = (item: InboundItem): string =>
  'providerMessageId' in item ? (item.providerMessageId ?? '') : ''
const keys = ({ identities }: Person): Identity[] => identities.filter(({ kind }) => kind !== 'username')

/** Something to take back. */
function reactionsBefore(item: InboundItem, contactId: number): unknown[] {
  if (item.kind !== 'reaction' || item.emoji !== null) return []
  const by =
    item.direction === 'out' ? { kind: 'phone' } : { kind: 'contact', id: String(contactId), name: 'before' }
  const key = item.direction === 'out' ? 'phone' : `contact:${contactId}`
  return [{ emoji: '👍', key, by, at: longAgo, ids: ['before'] }]
}

/** One contact per person, however they are named. */
class Contacts {
  readonly #tx: TenantTx
  readonly #known = new Map<string, number>()

  constructor(tx: TenantTx) {
    this.#tx = tx
  }

  async know(identities: readonly Identity[]): Promise<number> {
    const spelled = identities.map(({ kind, value }) => `${kind} ${value}`)
    const known = spelled.map((name) => this.#known.get(name)).find((id) => id !== undefined)
    if (known !== undefined) return known
    const isGroup = identities.some(({ kind }) => kind === 'group')
    const [contact] = await this.#tx.query<{ id: number }>(
      'insert into contacts (tenant_id, is_group) values ($1, $2) returning id',
      [this.#tx.tenantId, isGroup],
    )
    const id = contact?.id ?? 0
    for (const [place, { kind, value }] of identities.entries()) {
      await this.#tx.query(
        'insert into contact_identities (tenant_id, kind, value, contact_id) values ($1, $2, $3, $4)',
        [this.#tx.tenantId, kind, value, id],
      )
      this.#known.set(spelled[place] ?? '', id)
    }
    return id
  }
}

async function converse(tx: TenantTx, channelId: string, contactId: number): Promise<string> {
  const id = uuidv7()
  const [counter] = await tx.query<{ last_number: number }>(
    'update conversation_counters set last_number = last_number + 1 where tenant_id = $1 returning last_number',
    [tx.tenantId],
  )
  await tx.query(
    'insert into conversations (tenant_id, id, number, channel_id, contact_id, last_activity_at) values ($1, $2, $3, $4, $5, $6)',
    [tx.tenantId, id, counter?.last_number, channelId, contactId, longAgo],
  )
  return id
}

async function say(
  tx: TenantTx,
  message: {
    readonly channelId: string
    readonly conversationId: string
    readonly target: string
    readonly isTheirs: boolean
    readonly reactions: unknown[]
  },
): Promise<void> {
  const id = uuidv7()
  const { isTheirs, conversationId } = message
  const [place] = await tx.query<{ last_seq: number }>(
    'update conversations set last_seq = last_seq + 1, last_message_id = $3 where tenant_id = $1 and id = $2 returning last_seq',
    [tx.tenantId, conversationId, id],
  )
  await tx.query(
    `insert into messages (tenant_id, id, conversation_id, channel_id, seq, direction, author_kind, type, text, reactions, status,
       provider_message_id, sent_at) values ($1, $2, $3, $4, $5, $6, $7, 'text', $8, $9, $10, $11, $12)`,
    [
      tx.tenantId,
      id,
      conversationId,
      message.channelId,
      place?.last_seq,
      isTheirs ? 'in' : 'out',
      isTheirs ? 'contact' : 'api',
      saidBefore,
      JSON.stringify(message.reactions),
      isTheirs ? 'received' : 'unknown',
      message.target,
      longAgo,
    ],
  )
}
