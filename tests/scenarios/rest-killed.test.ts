import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../harness/eventually.ts'
import type { Console } from '../harness/console.ts'
import type { Running } from '../harness/processes.ts'
import { restClient } from '../harness/rest-client.ts'
import { startTcpProxy, type TcpProxy } from '../harness/tcp-proxy.ts'
import { delivery, person, written } from '../ingest/cloud-bodies.ts'
import { startSystem, type System } from './system.ts'

/** The message in which a process commits what it did and what it announces of it (src/log/tenant-tx.ts). */
export const commit = /"type":"[a-z_]+\.[a-z_]+"[^]*commit\0/

let system: System
let line: TcpProxy
let screen: Console
let token: string
beforeAll(async () => {
  system = await startSystem({ environment: { POLL_MS: '1000' } })
  line = await startTcpProxy(Number(new URL(system.hub.config.DATABASE_URL).port))
  screen = system.open('admin')
  await screen.start()
  token = system.hub.token('agent')
})
afterAll(async () => {
  await system[Symbol.asyncDispose]()
  await line[Symbol.asyncDispose]()
})

/** A REST process whose line to the database can be held at an exact message. */
async function startDoomed(): Promise<Running> {
  const url = new URL(system.hub.config.DATABASE_URL)
  url.port = String(line.port)
  const doomed = await system.start('rest', { DATABASE_URL: url.toString() })
  // Signs the agent in, so that the next commit on the line is the one that the test means.
  const answer = await restClient(`http://127.0.0.1:${doomed.port}`).call('GET', '/admin/me', { token })
  expect(answer.status).toBe(200)
  return doomed
}

async function conversationOf(text: string): Promise<string> {
  await system.network.deliver(system.number, delivery(system.number, [written(person(), text)]))
  return eventually(() => {
    const found = [...screen.state.conversations.values()].find(
      ({ lastMessage }) => lastMessage?.text === text,
    )
    return found?.id ?? Promise.reject(new Error(`${text} is not on the screen`))
  })
}

const cases = [
  [
    'a message with its clientMessageId',
    'messages',
    (key: string) => ({ json: { clientMessageId: key, type: 'text', text: key } }),
    'message.queued',
    // The second answer is for the first message, and says with 200 that it is.
    [202, 200],
  ],
  [
    'a message with an Idempotency-Key',
    'messages',
    (key: string) => ({
      json: { clientMessageId: key, type: 'text', text: key },
      headers: { 'idempotency-key': key },
    }),
    'message.queued',
    [202, 200],
  ],
  [
    'a note with an Idempotency-Key',
    'notes',
    (key: string) => ({ json: { body: key }, headers: { 'idempotency-key': key } }),
    'note.added',
    [200, 200],
  ],
] as const

describe('[SYS3] a REST process that is killed between its commit and everything that follows', () => {
  test.each(cases)(
    '[A2] [A3] %s: it is on screens within 3 s although nobody rang, and the repeat gets the same thing, which is there once',
    async (_, path, requestOf, event, [, repeated]) => {
      const conversationId = await conversationOf(`hello ${randomUUID()}`)
      const doomed = await startDoomed()
      const key = randomUUID()
      const request = { token, ...requestOf(key) }
      const url = `/api/v1/conversations/${conversationId}/${path}`
      const answer = line.withholdAnswer(commit)
      const lost = restClient(`http://127.0.0.1:${doomed.port}`)
        .call('POST', url, request)
        .then(
          ({ status }) => status,
          () => 'no answer',
        )
      await answer.arrived
      const committed = performance.now()
      await system.kill(doomed, false)
      expect(await lost).toBe('no answer')
      await eventually(() => expect(contentOf(screen, conversationId)).toContain(key), 3000)
      expect(performance.now() - committed).toBeLessThan(3000)

      const again = await restClient(system.restUrl).call<{ data: unknown; note?: unknown }>(
        'POST',
        url,
        request,
      )
      expect(again.status).toBe(repeated)
      expect(JSON.stringify(again.body)).toContain(key)
      const third = await restClient(system.restUrl).call<{ data: { id?: string } }>('POST', url, request)
      expect(third.status).toBe(again.status)
      expect(idOf(third.body)).toBe(idOf(again.body))
      const rows = await system.asOwner<{ payload: unknown }>(
        `select payload from events where type = $1 and payload::text like '%' || $2 || '%'`,
        [event, key],
      )
      expect(rows).toHaveLength(1)
      expect(JSON.stringify(rows)).toContain(idOf(again.body))
    },
    60_000,
  )

  test('[A2] before its commit arrived: nothing happened, and the repeat does it', async () => {
    const conversationId = await conversationOf(`hello ${randomUUID()}`)
    const doomed = await startDoomed()
    const key = randomUUID()
    const request = { token, json: { clientMessageId: key, type: 'text', text: key } }
    const url = `/api/v1/conversations/${conversationId}/messages`
    const swallowed = line.swallow(commit)
    const first = restClient(`http://127.0.0.1:${doomed.port}`)
      .call('POST', url, request)
      .catch(() => undefined)
    await swallowed
    await system.kill(doomed, false)
    await first
    expect(contentOf(screen, conversationId)).not.toContain(key)
    expect((await restClient(system.restUrl).call('POST', url, request)).status).toBe(202)
    await eventually(() => expect(contentOf(screen, conversationId)).toContain(key))
  }, 60_000)
})

function contentOf({ state }: Console, conversationId: string): (string | null)[] {
  const messages = state.messages.get(conversationId) ?? []
  const notes = state.notes.get(conversationId) ?? []
  return [...messages.map(({ text }) => text), ...notes.map(({ body }) => body)]
}

function idOf(body: unknown): string {
  const { data, note } = body as { data: { id: string }; note?: { id: number } }
  return note ? `"id":${note.id}` : data.id
}
