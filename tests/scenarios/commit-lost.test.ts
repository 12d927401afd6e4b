import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startGateway } from '../../gateway/server.ts'
import { commandHandlers } from '../../src/command-handlers.ts'
import type { Ack } from '../../src/contract/socket.ts'
import { eventually } from '../harness/eventually.ts'
import { createDatabase } from '../harness/database.ts'
import { connectNumber } from '../harness/number.ts'
import { TestClient } from '../harness/socket-client.ts'
import { startTcpProxy, type TcpProxy } from '../harness/tcp-proxy.ts'
import { type CloudNumber, type IntakeHub, startIntake, textTo } from '../webhooks/intake-hub.ts'

let line: TcpProxy
let intake: IntakeHub
let number: CloudNumber
let screen: TestClient
let token: string
let conversationId: string
beforeAll(async () => {
  const url = new URL((await createDatabase()).url)
  line = await startTcpProxy(Number(url.port))
  url.port = String(line.port)
  intake = await startIntake({ DATABASE_URL: url.toString(), SOCKET_WATERMARK_MS: '300' })
  const { hub } = intake
  const gateway = await startGateway(hub.deps, { handlers: commandHandlers })
  hub.onClose(() => gateway.close())
  number = await intake.addNumber()
  conversationId = (await (await connectNumber(hub)).conversation()).id
  ;({ token } = await hub.signIn('agent', { sub: 'ana' }))
  screen = new TestClient({ port: gateway.port, token })
  await screen.next('caught-up')
}, 60_000)
afterAll(async () => {
  screen.close()
  await intake[Symbol.asyncDispose]()
  await line[Symbol.asyncDispose]()
})

/** One thing that somebody asks for with a key: how to ask, what says that nobody knows, and what counts it. */
interface Case {
  readonly what: string
  /** The message to the database after which it is done. */
  readonly commit: RegExp
  readonly ask: (key: string) => Promise<{ answer: 'done' | 'not known'; id?: unknown }>
  readonly count: (key: string) => Promise<number>
}

const tail = '[^]*commit\\0'
const overRest = async (path: string, json: unknown, key?: string) => {
  const { status, body } = await intake.rest.call<{
    data: { id: string }
    note?: { id: number }
    code?: string
  }>('POST', `/api/v1/conversations/${conversationId}/${path}`, {
    token,
    json,
    ...(key !== undefined && { headers: { 'idempotency-key': key } }),
  })
  if (status === 503) return { answer: 'not known' as const }
  expect(status).toBeLessThan(300)
  return { answer: 'done' as const, id: body.note?.id ?? body.data.id }
}
const overSocket = (ack: Ack<{ id: unknown }>) => {
  if (ack.ok) return { answer: 'done' as const, id: ack.data.id }
  expect(ack.error).toMatchObject({ code: 'unavailable', then: 'later' })
  return { answer: 'not known' as const }
}
const events = async (type: string, key: string): Promise<number> => {
  const [row] = await intake.asOwner<{ count: number }>(
    `select count(*)::integer as count from events where type = $1 and payload::text like '%' || $2 || '%'`,
    [type, key],
  )
  return row?.count ?? 0
}

const cases: Case[] = [
  {
    what: 'a message over REST',
    commit: new RegExp(`message\\.queued${tail}`),
    ask: (key) => overRest('messages', { clientMessageId: key, type: 'text', text: 'hello' }),
    count: (key) => events('message.queued', key),
  },
  {
    what: 'a note over REST with an Idempotency-Key',
    commit: new RegExp(`note\\.added${tail}`),
    ask: (key) => overRest('notes', { body: key }, key),
    count: (key) => events('note.added', key),
  },
  {
    what: 'a message over the socket',
    commit: new RegExp(`message\\.queued${tail}`),
    ask: async (key) =>
      overSocket(
        await screen.send<{ id: unknown }>('message.send', {
          conversationId,
          clientMessageId: key,
          type: 'text',
          text: 'hello',
        }),
      ),
    count: (key) => events('message.queued', key),
  },
  {
    what: 'a note over the socket',
    commit: new RegExp(`note\\.added${tail}`),
    ask: async (key) =>
      overSocket(
        await screen.send<{ id: unknown }>('note.add', { conversationId, clientKey: key, body: key }),
      ),
    count: (key) => events('note.added', key),
  },
]

describe('[SYS6] [C2] a line to the database that breaks', () => {
  test.each(cases)(
    'after the commit of $what: "not known", and the repeat finds what was done',
    async ({ commit, ask, count }) => {
      const key = randomUUID()
      const answer = line.withholdAnswer(commit)
      const first = ask(key)
      await answer.arrived
      answer.cut()
      expect(await first).toEqual({ answer: 'not known' })
      expect(await count(key)).toBe(1)
      const second = await ask(key)
      expect(second.answer).toBe('done')
      expect(await ask(key)).toEqual(second)
      expect(await count(key)).toBe(1)
    },
  )

  test.each(cases)(
    'before the commit of $what arrives: "not known", nothing was done, and the repeat does it once',
    async ({ commit, ask, count }) => {
      const key = randomUUID()
      const swallowed = line.swallow(commit)
      const first = ask(key)
      await swallowed
      expect(await first).toEqual({ answer: 'not known' })
      expect(await count(key)).toBe(0)
      const second = await ask(key)
      expect(second.answer).toBe('done')
      expect(await ask(key)).toEqual(second)
      expect(await count(key)).toBe(1)
    },
  )

  test('[HOOK10] after a delivery was stored: 503, and the repeat makes one row', async () => {
    const body = textTo(number, randomUUID())
    const answer = line.withholdAnswer(/store[ _]deliveries/)
    const first = intake.post(number, body)
    await answer.arrived
    answer.cut()
    expect((await first).status).toBe(503)
    const rows = async () => (await intake.inbox()).filter((row) => row.body.toString() === body)
    expect(await rows()).toHaveLength(1)
    expect((await intake.post(number, body)).status).toBe(200)
    expect(await rows()).toHaveLength(1)
  })

  test('[HOOK10] before a delivery was stored: 503, nothing is there, and the repeat makes one row', async () => {
    const body = textTo(number, randomUUID())
    const swallowed = line.swallow(/store[ _]deliveries/)
    const first = intake.post(number, body)
    await swallowed
    expect((await first).status).toBe(503)
    const rows = async () => (await intake.inbox()).filter((row) => row.body.toString() === body)
    expect(await rows()).toHaveLength(0)
    expect((await intake.post(number, body)).status).toBe(200)
    expect(await rows()).toHaveLength(1)
  })

  test('what was heard meanwhile is whole: no event is missing, doubled or from a change that never was', async () => {
    const [head] = await intake.asOwner<{ seq: string }>(
      'select max(seq) as seq from events where tenant_id = $1',
      [intake.hub.tenant.id],
    )
    await eventually(() => expect(screen.position).toBe(`1:${head?.seq}`))
    expect(screen.seqs.length).toBeGreaterThanOrEqual(cases.length * 2)
    const logged = await intake.asOwner<{ seq: string }>(
      `select seq from events where tenant_id = $1 and seq > $2 order by seq`,
      [intake.hub.tenant.id, Number(screen.seqs[0]) - 1],
    )
    expect(screen.seqs).toEqual(logged.map(({ seq }) => Number(seq)))
    expect(screen.faults).toEqual([])
  })
})
