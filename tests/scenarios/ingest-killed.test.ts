import { afterEach, describe, expect, test } from 'vitest'
import { startGateway } from '../../gateway/server.ts'
import { commandHandlers } from '../../src/command-handlers.ts'
import type { Environment } from '../../src/platform/config.ts'
import { eventually } from '../harness/eventually.ts'
import { blockedAt, kill, killed, lineTo, openSession } from '../harness/killing.ts'
import { startPart } from '../harness/processes.ts'
import { seededRandom, stormSeed } from '../harness/random.ts'
import { TestClient } from '../harness/socket-client.ts'
import { person, statusOf, wamid, written } from '../ingest/cloud-bodies.ts'
import { type IngestHub, startIngest } from '../ingest/ingest-hub.ts'

let hub: IngestHub
afterEach(() => hub[Symbol.asyncDispose]())

/** The message in which the worker commits what it took in, and what it announces of it (src/log/tenant-tx.ts). */
const commit = /message\.received[^]*commit\0/

async function begin(more: Record<string, string> = {}) {
  hub = await startIngest({ SWEEP_MS: '300', POLL_MS: '1000', GRAPH_API_URL: 'http://127.0.0.1:9', ...more })
  const gateway = await startGateway(hub.hub.deps, { handlers: commandHandlers })
  hub.hub.onClose(() => gateway.close())
  const screen = new TestClient({ port: gateway.port, token: hub.hub.token('admin') })
  hub.hub.onClose(async () => screen.close())
  await screen.next('caught-up')
  const texts = () =>
    screen.of('message.received').map(({ data }) => (data as { message: { text: string } }).message.text)
  return { screen, texts }
}
const startWorker = (more: Environment = {}) => startPart(hub.hub, 'workers', { more })

const session = () => openSession(hub.hub)
const blocked = (words: string) => blockedAt(hub.hub, words)

/** Every step of a delivery on its way into the log, by a table that somebody else holds, and what waits for it. */
const steps = [
  [`${killed('ingest-inbound', 'before')} before it took the deliveries`, 'webhook_inbox', 'webhook_inbox'],
  [
    `${killed('ingest-inbound', 'between')} before people are looked up`,
    'contact_identities',
    'contact_identities',
  ],
  [
    `${killed('ingest-inbound', 'between')} before the conversation is opened`,
    'conversations',
    'conversations',
  ],
  [`${killed('ingest-inbound', 'between')} before messages are written`, 'messages', 'messages'],
  [`${killed('ingest-inbound', 'between')} before its events are written`, 'events', 'append_events'],
] as const

describe('[SYS4] [IN2] a worker that is killed while it takes deliveries in', () => {
  test.each(steps)(
    '%s: another one does all of it, once',
    async (_, table, waiting) => {
      const { texts, screen } = await begin()
      const cora = person()
      for (const text of ['one', 'two', 'three']) await hub.deliver(written(cora, text))
      const holder = await session()
      await holder.query(`begin; lock table ${table} in share mode`)
      const worker = await startWorker()
      await blocked(waiting)
      await kill(worker)
      await holder.query('rollback')
      expect(texts()).toEqual([])
      await startWorker()
      await eventually(() => expect(texts()).toEqual(['one', 'two', 'three']))
      expect((await hub.inbox()).map(({ state }) => state)).toEqual(['done', 'done', 'done'])
      const { contacts, conversations } = await hub.shown()
      expect([contacts.length, conversations.length]).toEqual([1, 1])
      expect(screen.faults).toEqual([])
    },
    60_000,
  )

  test(`[A3] ${killed('ingest-inbound', 'after')} all of it is on screens within 3 s, and nobody does it again`, async () => {
    const { texts, screen } = await begin()
    const { line, environment } = await lineTo(hub.hub, 'DATABASE_URL')
    await hub.deliver(written(person(), 'hello'))
    const answer = line.withholdAnswer(commit)
    const worker = await startWorker(environment)
    await answer.arrived
    const committed = performance.now()
    await kill(worker)
    await eventually(() => expect(texts()).toEqual(['hello']), 3000)
    expect(performance.now() - committed).toBeLessThan(3000)
    await startWorker()
    await hub.deliver(written(person(), 'next'))
    await eventually(() => expect(texts()).toEqual(['hello', 'next']))
    expect((await hub.inbox()).map(({ state }) => state)).toEqual(['done', 'done'])
    expect(screen.faults).toEqual([])
  }, 60_000)

  test('[A4] six times at any moment, with another one beside it: each message once, in order, nothing left', async () => {
    const random = seededRandom(stormSeed('ingest killed'))
    const { screen } = await begin({ WEBHOOK_BATCH: '5' })
    const people = Array.from({ length: 6 }, () => person())
    const ids = new Map<string, string[]>(people.map(({ number }) => [number, []]))
    // A second apart, and early enough that the last one is not of the future, however many there are.
    let at = Date.now() - 43_200_000
    let isOver = false
    const posting = (async () => {
      while (!isOver) {
        const who = people[Math.floor(random() * people.length)]!
        const id = wamid()
        at += 1000
        ids.get(who.number)?.push(id)
        const said = [written(who, id, { id, at: new Date(at) }), statusOf(wamid(), 'sent')]
        await hub.deliver(...said)
      }
    })()
    await startWorker()
    for (let round = 0; round < 6; round++) {
      const worker = await startWorker()
      const before = screen.of('message.received').length
      await eventually(() =>
        expect(screen.of('message.received').length).toBeGreaterThan(before + Math.floor(random() * 10)),
      )
      await kill(worker)
    }
    isOver = true
    await posting
    await startWorker()
    await eventually(async () => {
      expect((await hub.inbox()).filter(({ state }) => state !== 'done')).toEqual([])
    }, 20_000)
    const { messages, conversations } = await hub.shown()
    for (const { number } of people) {
      const mine = conversations.find(({ contact }) =>
        contact.identities.some(({ value }) => value === number),
      )
      const texts = messages
        .filter(({ conversationId }) => conversationId === mine?.id)
        .map(({ text }) => text)
      expect(texts).toEqual(ids.get(number))
    }
    await eventually(() => expect(screen.of('message.received')).toHaveLength(messages.length))
    expect(screen.faults).toEqual([])
  }, 90_000)
})

describe('[G2] a worker that is asked to stop while it takes deliveries in', () => {
  test('ends with 0, leaves nothing half done, and the next one goes on where it stopped', async () => {
    const { texts, screen } = await begin({ WEBHOOK_BATCH: '5' })
    const wanted = Array.from({ length: 150 }, (_, place) => `message ${place}`)
    const who = person()
    for (const [place, text] of wanted.entries())
      await hub.deliver(written(who, text, { at: new Date(Date.now() - 600_000 + place * 1000) }))
    const worker = await startWorker()
    await screen.next('message.received', () => true, 20_000)
    worker.signal('SIGTERM')
    expect(await worker.ended()).toBe(0)
    const inbox = await hub.inbox()
    const done = inbox.filter(({ state }) => state === 'done').length
    expect(inbox.filter(({ state }) => state === 'new')).toHaveLength(150 - done)
    expect(done % 5).toBe(0)
    await eventually(() => expect(texts()).toEqual(wanted.slice(0, done)))
    await startWorker()
    await eventually(() => expect(texts()).toEqual(wanted))
    expect(screen.faults).toEqual([])
  }, 60_000)
})
