import { afterAll, beforeAll, expect, test } from 'vitest'
import type { InboundItem } from '../../src/providers/inbound.ts'
import { providers } from '../../src/providers/registry.ts'
import { expectApplied, expectConsequences, type Outcome } from './fixture-consequences.ts'
import {
  type Fixture,
  type FixtureHub,
  isNobodys,
  startFixtures,
  type World,
  type WorldChannel,
} from './fixture-hub.ts'
import { seedPast } from './fixture-seeds.ts'
import { readState } from './fixture-state.ts'
import type { InboxRow } from './intake-hub.ts'

/**
 * The suite that every recorded delivery passes by itself: posted to the endpoint of its network, processed by the ingest,
 * looked at in the database; then again, with the messages and people there that it is about; and each time posted twice
 * more, as it was and in other bytes, after which everything must be as it was.
 */
export function fixtureSuite(fixtures: readonly Fixture[]): void {
  let hub: FixtureHub
  beforeAll(async () => {
    hub = await startFixtures()
  })
  afterAll(() => hub[Symbol.asyncDispose]())

  test.each(fixtures.map((fixture) => [fixture.name, fixture] as const))(
    '[HOOK1] [IN1] %s ends in the database as the adapter read it, once',
    async (_, fixture) => {
      const world = await hub.world(fixture.provider, fixture.channels)
      try {
        const rows = await postAndIngest(world, fixture, fixture.text)
        if (isNobodys(fixture)) {
          expect(rows).toMatchObject([{ state: 'quarantined', tenantId: null }])
          expect((await readState(world)).events.filter(({ type }) => type.startsWith('message'))).toEqual([])
          return
        }
        for (const outcome of await outcomesOf(world, fixture, rows)) expectConsequences(outcome)
        await expectNothingNew(world, fixture)
      } finally {
        await world.leave()
      }
    },
  )

  const withNews = fixtures.filter((fixture) => {
    const kinds = new Set(parsed(fixture, fixture.channels[0] ?? {}, new Date()).map(({ kind }) => kind))
    return ['status', 'reaction', 'edit', 'revoke', 'identity', 'contact'].some((kind) =>
      kinds.has(kind as 'status'),
    )
  })
  test.each(withNews.map((fixture) => [fixture.name, fixture] as const))(
    '[HOOK1] [IN1] [IN7] %s changes the messages and people that it is about, once',
    async (_, fixture) => {
      const world = await hub.world(fixture.provider, fixture.channels)
      try {
        for (const { channelId, settings } of world.channels)
          await seedPast(hub.hub.deps, world, channelId, parsed(fixture, settings, new Date()))
        const rows = await postAndIngest(world, fixture, fixture.text)
        const outcomes = await outcomesOf(world, fixture, rows)
        expect(outcomes.length).toBe(world.channels.length)
        for (const outcome of outcomes) expectApplied(outcome)
        await expectNothingNew(world, fixture)
      } finally {
        await world.leave()
      }
    },
  )
}

function parsed(
  fixture: Fixture,
  settings: WorldChannel['settings'],
  receivedAt: Date,
): readonly InboundItem[] {
  return providers[fixture.provider].parse({ settings }, fixture.body, receivedAt).items
}

async function postAndIngest(world: World, fixture: Fixture, text: string): Promise<InboxRow[]> {
  await world.post(fixture, text)
  await world.ingest()
  return world.inbox()
}

/** One per channel, with its part of the state. */
async function outcomesOf(world: World, fixture: Fixture, rows: readonly InboxRow[]): Promise<Outcome[]> {
  expect(rows.map(({ state, poison, reason }) => ({ state, poison, reason }))).toEqual(
    world.channels.map(() => ({ state: 'done', poison: null, reason: null })),
  )
  const state = await readState(world)
  const times = await world.rows<{ id: number; received_at: Date }>(
    'select id, received_at from webhook_inbox',
  )
  return world.channels.map(({ channelId, settings }) => {
    const row = rows.find((one) => one.channelId === channelId)
    const receivedAt = times.find(({ id }) => id === row?.id)?.received_at ?? new Date(0)
    const isHere = ({ channel_id: id }: { channel_id?: unknown }) => id === channelId
    const messages = state.messages.filter(isHere)
    const ids = new Set(messages.map(({ id }) => id))
    return {
      channelId,
      receivedAt,
      inboxId: Number(row?.id),
      items: parsed(fixture, settings, receivedAt),
      state:
        world.channels.length === 1
          ? state
          : {
              ...state,
              messages,
              conversations: state.conversations.filter(isHere),
              contacts: state.contacts.filter(({ id }) =>
                state.conversations.some((row) => isHere(row) && row.contact_id === id),
              ),
              events: state.events.filter(({ payload }) =>
                ids.has(payload.message?.id ?? payload.messageId ?? ''),
              ),
              templates: state.templates.filter(isHere),
              parked: parsed(fixture, settings, receivedAt).some(({ kind }) => kind === 'status')
                ? state.parked
                : [],
            },
    }
  })
}

/** What has neither an id nor a time of its own is another word each time that it is said in other bytes. */
const anotherEachTime = new Set([
  'errors-in-value-130429',
  'group-participants-update-add',
  'messages-update-edit-2.3.7',
  'qrcode-updated',
  'qrcode-updated-pairing-code',
])

/** The same bytes are the same delivery; other bytes that say the same are new, and change nothing all the same. */
async function expectNothingNew(world: World, fixture: Fixture): Promise<void> {
  const before = await readState(world)
  const texts = [fixture.text, ...(anotherEachTime.has(fixture.name) ? [] : [`${fixture.text}\n \n`])]
  for (const text of texts) await world.post(fixture, text)
  await world.ingest()
  expect((await world.inbox()).map(({ state }) => state)).toEqual(
    Array(world.channels.length * texts.length).fill('done'),
  )
  expect(await readState(world)).toEqual(before)
}
