import { authenticate } from '../src/auth/authenticate.ts'
import { contactByPhone } from '../src/domain/contacts/contact-by-phone.ts'
import { createChannel } from '../src/domain/channels/create-channel.ts'
import { openConversations } from '../src/domain/conversations/open-conversation.ts'
import type { Role } from '../src/contract/records.ts'
import { inTenant } from '../src/log/tenant-tx.ts'
import type { Tenant, World } from './world.ts'

/** What the Cloud API signs its webhooks with, for every number of the bench. */
export const appSecret = 'the-app-secret-of-the-bench'

export interface Desk {
  readonly channelId: string
  readonly phoneNumberId: string
  readonly wabaId: string
  readonly conversationIds: readonly string[]
  /** Customers' numbers, in the order of their conversations. */
  readonly phones: readonly string[]
}

let numbers = 0

/** A number of the Cloud API with so many customers who wrote, each with a live conversation that belongs to nobody yet. */
export async function addDesk({ deps }: World, tenant: Tenant, conversations: number): Promise<Desk> {
  const number = 100_000 + ++numbers
  const phones = Array.from(
    { length: conversations },
    (_, i) => `49151${number}${String(i).padStart(4, '0')}`,
  )
  return inTenant(deps, tenant.id, async (tx) => {
    const channel = await createChannel(
      tx,
      deps,
      { actor: { kind: 'system', tenantId: tenant.id, name: 'bench' } },
      {
        provider: 'whatsapp-cloud',
        name: `Number ${number}`,
        phoneNumberId: `1066${number}`,
        wabaId: `1022${number}`,
        displayPhoneNumber: `4930${number}`,
        accessToken: 'never-used',
        appSecret,
        verifyToken: 'never-used',
      },
    )
    const contactIds: number[] = []
    for (const phone of phones) contactIds.push(await contactByPhone(tx, phone))
    const opened = await openConversations(tx, {
      channelId: channel.id,
      contactIds,
      reopenHours: 0,
      wake: false,
    })
    // As if each had just written: agents may answer.
    await tx.query(
      `update conversations set last_inbound_at = now(), window_expires_at = now() + interval '24 hours' where tenant_id = $1`,
      [tenant.id],
    )
    return {
      channelId: channel.id,
      phoneNumberId: `1066${number}`,
      wabaId: `1022${number}`,
      conversationIds: contactIds.map((id) => opened.get(id)?.id ?? ''),
      phones,
    }
  })
}

/** Two tabs per person, and of ten people one manager and nine agents, each of whom has rights of their own. */
function tokenOf(world: World, tenant: Tenant, socket: number): string {
  const person = Math.floor(socket / 2)
  const role: Role = person % 10 === 0 ? 'manager' : 'agent'
  return world.token(tenant, role, `person-${person}`)
}

/** Makes the people of so many sockets known, who would else be made when they first come: that is not measured here. */
export async function introduce(world: World, tenant: Tenant, sockets: number): Promise<void> {
  for (let socket = 0; socket < sockets; socket += 16)
    await Promise.all(
      Array.from({ length: 8 }, (_, i) => authenticate(world.deps, tokenOf(world, tenant, socket + 2 * i))),
    )
}

/** Connect packets for sockets of ours. */
export function connectsOf(
  world: World,
  tenant: Tenant,
  sockets: { from?: number; count: number; position?: string },
): string[] {
  const { from = 0, count, position } = sockets
  return Array.from({ length: count }, (_, i) => {
    const auth = { token: tokenOf(world, tenant, from + i), ...(position && { position }) }
    return `40${JSON.stringify(auth)}`
  })
}

/** How a socket of ours says that it is live. */
export const caughtUp = '42["caught-up"'

/** How a socket of plain Socket.IO says that it is connected. */
export const connected = '40{'

export const socketUrl = (port: number): string =>
  `ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`
