import { expect, test } from 'vitest'
import { assignConversation } from '../../src/domain/conversations/assign-conversation.ts'
import { pagesOf } from '../../src/log/news.ts'
import { readEvents, readHead } from '../../src/log/read.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { buildChannel, buildConversation, customerWrites } from '../harness/crowd.ts'
import { startHub } from '../harness/hub.ts'
import { recordFacts } from '../gateway/setup.ts'

/** A hub whose bells are kept, with what they take along. */
async function startListeningHub(newsBytes: number) {
  const hub = await startHub()
  const rung: (string | undefined)[] = []
  const doorbell = {
    ...hub.deps.doorbell,
    newsBytes,
    ring: (_tenantId: string, news?: string) => void rung.push(news),
  }
  return { ...hub, deps: { ...hub.deps, doorbell }, rung }
}

test('[GW18] what a bell takes along is what a reader of the log finds, places and texts included', async () => {
  await using hub = await startListeningHub(100_000)
  const boss = await hub.signIn('manager', { sub: 'boss' })
  const ana = await hub.signIn('agent', { sub: 'ana' })
  const conversation = await buildConversation(hub, await buildChannel(hub))
  hub.rung.length = 0
  const start = await readHead(hub.deps, hub.tenant.id)
  await customerWrites(hub, conversation.id, 'first “hello”\n\u2028 and \\ "quotes" 💬')
  await assignConversation(hub.deps, boss.actor, { conversationId: conversation.id, userId: ana.actor.id })
  await inTenant(hub.deps, hub.tenant.id, (tx) => Promise.resolve(recordFacts(tx, 3)))
  const told = pagesOf(hub.rung.map((news) => news ?? ''))
  const page = await readEvents(hub.deps, hub.tenant.id, start, 100)
  if (typeof page === 'string') throw new Error(page)
  // Told at its commit, the first message belonged to nobody; read now, it is where the conversation is now.
  const after = { channelId: expect.any(String), assigneeId: ana.actor.id, teamId: null }
  expect(told[0]?.events[0]?.place).toMatchObject({ assigneeId: null })
  expect(told[1]?.events.map((event) => event.place)).toEqual(
    told[1]?.events.map((event) => (event.scope.kind === 'tenant' ? null : after)),
  )
  const withoutPlaces = (events: typeof page.events) => events.map((event) => ({ ...event, place: null }))
  expect(withoutPlaces(told.flatMap((one) => one.events))).toEqual(withoutPlaces(page.events))
  expect(told.at(-1)?.head).toEqual(page.head)
})

test('[GW18] a commit of more than DOORBELL_NEWS_BYTES is not told, one of just so many is', async () => {
  await using hub = await startListeningHub(0)
  const fact = (size: number) =>
    inTenant(hub.deps, hub.tenant.id, (tx) => Promise.resolve(recordFacts(tx, 1, size)))
  const written = {
    type: 'consent.changed',
    scope: { kind: 'tenant' },
    conversationId: null,
    actor: { kind: 'system' },
  }
  const data = {
    contactId: 1,
    category: 'marketing',
    granted: true,
    source: 'x',
    at: '2026-01-01T00:00:00.000Z',
  }
  const smallest = JSON.stringify([{ ...written, payload: data }]).length
  const limited = { ...hub.deps, doorbell: { ...hub.deps.doorbell, newsBytes: smallest + 99 } }
  const limitedFact = (size: number) =>
    inTenant(limited, hub.tenant.id, (tx) => Promise.resolve(recordFacts(tx, 1, size)))
  hub.rung.length = 0
  await limitedFact(100)
  await limitedFact(101)
  await fact(1)
  expect(hub.rung.map((news) => news === undefined)).toEqual([false, true, true])
})
