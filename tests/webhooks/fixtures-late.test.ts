import { afterAll, beforeAll, expect, test } from 'vitest'
import type {
  InboundEdit,
  InboundItem,
  InboundReaction,
  InboundRevoke,
  InboundStatus,
  Person,
} from '../../src/providers/inbound.ts'
import { providers } from '../../src/providers/registry.ts'
import { expectApplied } from './fixture-consequences.ts'
import {
  cloudFixtures,
  evolutionFixtures,
  type Fixture,
  type FixtureHub,
  startFixtures,
  type WorldChannel,
} from './fixture-hub.ts'
import { saidBefore } from './fixture-seeds.ts'
import { readState } from './fixture-state.ts'

let hub: FixtureHub
beforeAll(async () => {
  hub = await startFixtures()
})
afterAll(() => hub[Symbol.asyncDispose]())

type Update = InboundStatus | InboundReaction | InboundEdit | InboundRevoke

/** What is said about messages; a participant's status is not kept for a message that is not here. */
function updatesOf(fixture: Fixture, settings: WorldChannel['settings'], at: Date): Update[] {
  return providers[fixture.provider]
    .parse({ settings }, fixture.body, at)
    .items.filter((item: InboundItem): item is Update =>
      ['status', 'reaction', 'edit', 'revoke'].includes(item.kind),
    )
    .filter((item) => item.kind !== 'status' || item.participant === undefined)
}

const targetOf = (update: Update): string =>
  update.kind === 'status' ? update.providerMessageId : update.targetProviderMessageId

/** The message that an update is about, as its network delivers it: the customer's, or ours from the phone. */
function messageOf({ provider }: Fixture, settings: WorldChannel['settings'], update: Update): string {
  const isOurs = update.kind === 'status' || ('direction' in update && update.direction === 'out')
  const person = (update.kind === 'status' ? update.recipient : update.chat) ?? somebody
  const id = targetOf(update)
  return JSON.stringify(
    provider === 'evolution'
      ? evolutionMessage(settings, person, id, isOurs)
      : cloudMessage(settings, person, id, isOurs),
  )
}

const somebody: Person = { identities: [{ kind: 'wa_id', value: '5511999990001' }] }
const addressOf = ({ identities }: Person, ...kinds: string[]) =>
  identities.find(({ kind }) => kinds.includes(kind))?.value
const longAgo = '1500000000'

function cloudMessage(
  settings: WorldChannel['settings'],
  person: Person,
  id: string,
  isOurs: boolean,
): object {
  const number = addressOf(person, 'wa_id', 'phone')
  const userId = addressOf(person, 'bsuid')
  const content = { id, timestamp: longAgo, type: 'text', text: { body: saidBefore } }
  const us = settings['displayPhoneNumber']?.replace(/\D/g, '')
  const value = isOurs
    ? { message_echoes: [{ from: us, ...(number ? { to: number } : { to_user_id: userId }), ...content }] }
    : {
        contacts: [{ profile: {}, ...(number && { wa_id: number }), ...(userId && { user_id: userId }) }],
        messages: [{ ...(number && { from: number }), ...(userId && { from_user_id: userId }), ...content }],
      }
  return {
    object: 'whatsapp_business_account',
    entry: [
      {
        id: settings['wabaId'],
        changes: [
          {
            field: isOurs ? 'smb_message_echoes' : 'messages',
            value: {
              messaging_product: 'whatsapp',
              metadata: { display_phone_number: us, phone_number_id: settings['phoneNumberId'] },
              ...value,
            },
          },
        ],
      },
    ],
  }
}

function evolutionMessage(
  settings: WorldChannel['settings'],
  person: Person,
  id: string,
  fromMe: boolean,
): object {
  const number = addressOf(person, 'wa_id', 'phone')
  const remoteJid =
    addressOf(person, 'group') ?? (number ? `${number}@s.whatsapp.net` : `${addressOf(person, 'lid')}@lid`)
  return {
    event: 'messages.upsert',
    instance: settings['instanceName'],
    data: {
      key: { remoteJid, fromMe, id },
      message: { conversation: saidBefore },
      messageType: 'conversation',
      messageTimestamp: Number(longAgo),
    },
  }
}

const fixtures = [...cloudFixtures(), ...evolutionFixtures()].filter(
  (fixture) => updatesOf(fixture, fixture.channels[0] ?? {}, new Date()).length > 0,
)

test.each(fixtures.map((fixture) => [fixture.provider, fixture.name, fixture] as const))(
  '[IN7] [D2] %s: %s waits for its message and is there when it is',
  async (_provider, _name, fixture) => {
    const world = await hub.world(fixture.provider, fixture.channels)
    try {
      await world.post(fixture, fixture.text)
      await world.ingest()
      const [times] = await world.rows<{ received_at: Date }>(
        'select received_at from webhook_inbox where tenant_id = $1',
        [world.tenantId],
      )
      const [channel] = world.channels
      const updates = updatesOf(fixture, channel?.settings ?? {}, times?.received_at ?? new Date())
      expect((await readState(world)).parked.length).toBeGreaterThan(0)
      for (const update of new Map(updates.map((one) => [targetOf(one), one])).values())
        await world.post(fixture, messageOf(fixture, channel?.settings ?? {}, update))
      await world.ingest()
      const state = await readState(world)
      expectApplied({
        state,
        channelId: channel?.channelId ?? '',
        inboxId: 0,
        receivedAt: new Date(),
        items: updates,
      })
      expect((await world.inbox()).every((row) => row.state === 'done')).toBe(true)
    } finally {
      await world.leave()
    }
  },
)
