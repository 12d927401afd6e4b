import { randomBytes } from 'node:crypto'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import type { Hub } from './hub.ts'
import { type StandIn, type StandInAnswer, type StandInRequest, startStandIn } from './provider-stand-in.ts'

/** A send as the fake network got it. */
export interface TakenSend {
  readonly ref: string
  readonly to: string
  readonly type: string
  readonly text: string | null
  readonly payload: Record<string, unknown>
  /** The network's id of the file that was uploaded before. */
  readonly file?: string
}

/** A number on the fake network, played by a real server that counts what it accepted. */
export interface TestNumber {
  readonly channelId: string
  readonly server: StandIn
  /** What the network took, in the order it took it. Two entries of one `ref` are a message that the customer saw twice. */
  readonly accepted: readonly TakenSend[]
  /** Every send that arrived, whatever became of it. */
  readonly arrived: readonly TakenSend[]
  /** How often each message was accepted, only those more than once. */
  doubles(): string[]
  /** Decides the answer to a send before the usual one; undefined accepts it. */
  answer(decide: (send: TakenSend) => StandInAnswer | undefined | Promise<StandInAnswer | undefined>): void
  /** A customer with a conversation in which they wrote `hoursAgo` hours ago; null: never. */
  conversation(options?: {
    phone?: string
    hoursAgo?: number | null
    tenantId?: string
    channelId?: string
  }): Promise<{
    id: string
    contactId: number
    phone: string
  }>
}

/** Connects a number of the fake network to the hub. The server closes with the hub. */
export async function connectNumber(hub: Hub, options: { tenant?: string } = {}): Promise<TestNumber> {
  const server = await startStandIn()
  hub.onClose(() => server.close())
  const number = `49${randomBytes(4).readUInt32BE()}`
  const tenantId = options.tenant ?? hub.tenant.id
  const { id: channelId } = await hub.addChannel({
    provider: 'fake',
    settings: { number, baseUrl: server.url },
    secrets: { apiKey: 'key-of-the-test' },
    externalId: number,
    ...(options.tenant && { tenant: options.tenant }),
  })
  const accepted: TakenSend[] = []
  const arrived: TakenSend[] = []
  let decide: (send: TakenSend) => StandInAnswer | undefined | Promise<StandInAnswer | undefined> = () =>
    undefined
  server.always({
    method: 'POST',
    path: '/messages',
    answer: async (request: StandInRequest) => {
      const send = request.json as TakenSend
      arrived.push(send)
      const other = await decide(send)
      if (other) return other
      accepted.push(send)
      return { status: 201, json: { id: `net-${accepted.length}-${send.ref}` } }
    },
  })
  return {
    channelId,
    server,
    accepted,
    arrived,
    doubles: () => accepted.map(({ ref }) => ref).filter((ref, place, all) => all.indexOf(ref) !== place),
    answer: (next) => {
      decide = next
    },
    conversation: (wanted = {}) =>
      openConversation(hub, wanted.tenantId ?? tenantId, wanted.channelId ?? channelId, wanted),
  }
}

async function openConversation(
  hub: Hub,
  tenantId: string,
  channelId: string,
  {
    phone = `4915${randomBytes(4).readUInt32BE()}`,
    hoursAgo = 1,
  }: { phone?: string; hoursAgo?: number | null },
) {
  return inTenant(hub.deps, tenantId, async (tx) => {
    const id = uuidv7()
    const [contact] = await tx.query<{ id: number }>(
      `insert into contacts (tenant_id, first_name) values ($1, 'Cora') returning id`,
      [tenantId],
    )
    const contactId = contact?.id ?? 0
    await tx.query(
      `insert into contact_identities (tenant_id, kind, value, contact_id) values ($1, 'phone', $2, $3)`,
      [tenantId, phone, contactId],
    )
    const [counter] = await tx.query<{ last_number: number }>(
      'update conversation_counters set last_number = last_number + 1 where tenant_id = $1 returning last_number',
      [tenantId],
    )
    await tx.query(
      `insert into conversations (tenant_id, id, number, channel_id, contact_id, last_inbound_at, window_expires_at, waiting_since)
       values ($1, $2, $3, $4, $5, now() - make_interval(hours => $6), now() + make_interval(hours => 24 - $6), now() - make_interval(hours => $6))`,
      [tenantId, id, counter?.last_number, channelId, contactId, hoursAgo],
    )
    return { id, contactId, phone }
  })
}
