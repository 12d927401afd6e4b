import { afterEach, describe, expect, test } from 'vitest'
import { ingestChannel } from '../harness/ingest-channel.ts'
import { openDeps } from '../../src/deps.ts'
import { providers } from '../../src/providers/registry.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import { seededRandom, stormSeed } from '../harness/random.ts'
import {
  cloudFixtures,
  evolutionFixtures,
  type Fixture,
  type FixtureHub,
  isNobodys,
  startFixtures,
  type World,
} from './fixture-hub.ts'
import { readState, type State } from './fixture-state.ts'

let hub: FixtureHub
afterEach(() => hub[Symbol.asyncDispose]())

/** All of one network, connected to one tenant: a channel for each number, and one for each account without a number. */
function allChannels(fixtures: readonly Fixture[]): Fixture['channels'] {
  const channels = new Map<string, Readonly<Record<string, string>>>()
  const accounts = new Set<string>()
  for (const settings of fixtures.flatMap((fixture) => fixture.channels)) {
    const key = settings['phoneNumberId'] ?? settings['instanceName'] ?? ''
    if (channels.has(key)) continue
    channels.set(key, settings)
    accounts.add(settings['wabaId'] ?? '')
  }
  for (const { wabaId, ...settings } of fixtures.flatMap((fixture) => fixture.channels)) {
    if (wabaId === undefined || accounts.has(wabaId)) continue
    accounts.add(wabaId)
    const phoneNumberId = `999${accounts.size}`
    channels.set(phoneNumberId, { ...settings, wabaId, phoneNumberId })
  }
  return [...channels.values()]
}

function shuffled<T>(all: readonly T[], random: () => number): T[] {
  const order = [...all]
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    ;[order[last], order[other]] = [order[other] as T, order[last] as T]
  }
  return order
}

/** Messages, and lines with an id, that all fixtures together hold, by channel: each id once, whatever else is said about it. */
function expectedMessages(fixtures: readonly Fixture[], worlds: readonly World[]): Set<string> {
  const ids = new Set<string>()
  for (const { channels } of worlds)
    for (const { channelId, provider, settings } of channels)
      for (const fixture of fixtures.filter((one) => one.provider === provider))
        for (const item of providers[provider].parse({ settings }, fixture.body, new Date()).items)
          if (
            item.kind === 'message' ||
            (item.kind === 'identity' && item.text !== null && item.providerMessageId)
          )
            ids.add(`${channelId} ${item.providerMessageId}`)
  return ids
}

/** What must hold whatever came in whatever order. */
function expectSound(state: State): void {
  for (const conversation of state.conversations) {
    const inside = state.messages.filter((row) => row.conversation_id === conversation.id)
    expect(inside.map(({ seq }) => seq)).toEqual(inside.map((_, place) => place + 1))
    expect(conversation.last_seq).toBe(inside.length)
  }
  const spelled = state.identities.map(({ kind, value }) => `${kind} ${value}`)
  expect(new Set(spelled).size).toBe(spelled.length)
  const contacts = new Set(state.contacts.map(({ id }) => id))
  for (const identity of state.identities) expect(contacts).toContain(identity.contact_id)
  for (const { contact_id: contactId } of state.conversations) expect(contacts).toContain(contactId)
  const known = new Set(state.messages.map((row) => row.provider_message_id))
  for (const { provider_message_id: target } of state.parked) expect(known).not.toContain(target)
}

describe('all recorded deliveries at once', () => {
  test('[HOOK1] [IN1] [IN2] [D1] [D2] in any order, twice, at several workers: nothing is lost, doubled or in the way of others', async () => {
    const seed = stormSeed('fixtures together')
    const random = seededRandom(seed)
    hub = await startFixtures({ WEBHOOK_BATCH: String(1 + Math.floor(random() * 40)) })
    const fixtures = [...cloudFixtures(), ...evolutionFixtures()]
    const ofTenant = hub.hub.tenant.id
    const cloud = await hub.world('whatsapp-cloud', allChannels(cloudFixtures()), ofTenant)
    const evolution = await hub.world('evolution', allChannels(evolutionFixtures()), ofTenant)
    const worlds = [cloud, evolution]
    const worldOf = ({ provider }: Fixture) => (provider === 'evolution' ? evolution : cloud)
    const other = openDeps(hub.hub.config, 'other')
    hub.hub.onClose(() => other.close())
    const ingestAll = () =>
      Promise.all(
        worlds.flatMap(({ channels }) =>
          channels.flatMap(({ channelId }) =>
            [hub.hub.deps, other].map((deps) => ingestChannel(deps, { tenantId: ofTenant, channelId })),
          ),
        ),
      )
    await expectReplayEqualsSnapshot(hub.hub, async () => {
      const posts = shuffled([...fixtures, ...fixtures], random)
      for (let at = 0; at < posts.length; at += 50) {
        await Promise.all([
          ...posts
            .slice(at, at + 50)
            .map((fixture) =>
              worldOf(fixture).post(fixture, random() < 0.5 ? fixture.text : `${fixture.text}\n`),
            ),
          ingestAll(),
        ])
      }
      await ingestAll()
    })
    const rows = await hub.inbox()
    const quarantined = rows.filter(({ state }) => state === 'quarantined')
    expect(rows.filter(({ state }) => state !== 'done')).toEqual(quarantined)
    expect(quarantined.map(({ tenantId }) => tenantId)).toEqual(quarantined.map(() => null))
    expect(new Set(quarantined.map(({ body }) => body.toString().trim()))).toEqual(
      new Set(fixtures.filter(isNobodys).map(({ text }) => text.trim())),
    )
    const state = await readState(cloud)
    const found = state.messages
      .filter((row) => row.provider_message_id !== null)
      .map((row) => `${row.channel_id} ${row.provider_message_id}`)
    expect(found.toSorted()).toEqual([...expectedMessages(fixtures, worlds)].toSorted())
    expectSound(state)
    await ingestAll()
    expect(await readState(cloud)).toEqual(state)
  }, 120_000)

  test('[IN8] a change of number that comes again does not join whoever has the old number by now', async () => {
    hub = await startFixtures()
    const named = (name: string) => cloudFixtures().find((fixture) => fixture.name === name) as Fixture
    const change = named('system-user-changed-number')
    const world = await hub.world('whatsapp-cloud', change.channels)
    await world.post(change, change.text)
    await world.ingest()
    // The same digits, another person, some time later.
    const stranger = named('text')
    await world.post(stranger, stranger.text)
    await world.ingest()
    const before = await readState(world)
    expect(before.contacts).toHaveLength(2)
    await world.post(change, `${change.text}\n`)
    await world.ingest()
    expect(await readState(world)).toEqual(before)
  })
})
