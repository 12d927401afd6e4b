import { randomUUID } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EmbeddedServer } from '../../src/embedded/embedded-server.ts'
import { startPostgres } from '../../src/embedded/postgres.ts'
import { migrateUp } from '../../src/platform/migrate.ts'
import type { Console } from '../harness/console.ts'
import { eventually } from '../harness/eventually.ts'
import { shown } from '../harness/replay.ts'
import { type RestAnswer, restClient } from '../harness/rest-client.ts'
import { delivery, person, wamid, written } from '../ingest/cloud-bodies.ts'
import { startSystem, type System } from './system.ts'

/** A PostgreSQL of this test's own, durable like one in production, because it is killed. */
let dataDir: string
let postgres: EmbeddedServer
let system: System
let screen: Console
let token: string
beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'switchboard-scenario-postgres-'))
  // A root run lends PostgreSQL another account, which must be able to pass.
  chmodSync(dataDir, 0o755)
  postgres = await startPostgres({ dataDir, log: () => {} })
  await migrateUp({ DATABASE_URL: postgres.url, DATABASE_OWNER_URL: undefined, DATABASE_SCHEMA: 'public' })
  system = await startSystem({ environment: { DATABASE_URL: postgres.url } })
  screen = system.open('admin')
  await screen.start()
  token = system.hub.token('agent')
}, 120_000)
afterAll(async () => {
  await system[Symbol.asyncDispose]()
  await postgres.stop()
  rmSync(dataDir, { recursive: true, force: true })
}, 60_000)

/** The process id of the server, which is its first line about itself. */
async function postmaster(): Promise<number> {
  const [row] = await system.asOwner<{ text: string }>(`select pg_read_file('postmaster.pid') as text`)
  return Number(row?.text.split('\n')[0])
}

const signals = [
  ['restarted fast', 'SIGINT'],
  ['restarted at once, without a checkpoint', 'SIGQUIT'],
  ['killed with -9', 'SIGKILL'],
] as const

/** What somebody writes as fast as answers come, and how each was answered. */
interface Writer {
  readonly answers: { key: string; status: number | undefined; retryAfter: string | null; code?: string }[]
  readonly done: Promise<void>
}

function keepWriting(isOver: () => boolean, ask: (key: string) => Promise<RestAnswer<unknown>>): Writer {
  const answers: Writer['answers'] = []
  const work = async () => {
    while (!isOver()) {
      const key = randomUUID()
      const answer = await ask(key).catch(() => undefined)
      const code = (answer?.body as { code?: string } | undefined)?.code
      const retryAfter = answer?.headers.get('retry-after') ?? null
      answers.push({ key, status: answer?.status, retryAfter, ...(code !== undefined && { code }) })
      await pause(5)
    }
  }
  return { answers, done: work() }
}

describe('[SYS5] [C1] [D8] a database that is', () => {
  test.each(signals)(
    '%s under load: no false success, everything else is 503 with Retry-After, and all is well 10 s after it is back',
    async (_, signal) => {
      const { hub, number, network, restUrl } = system
      const rest = restClient(restUrl)
      const cora = person()
      await network.deliver(number, delivery(number, [written(cora, `first ${signal}`)]))
      const conversation = await eventually(() => {
        const found = [...screen.state.conversations.values()].find(
          (one) => one.lastMessage?.text === `first ${signal}`,
        )
        return found ?? Promise.reject(new Error('not on the screen yet'))
      })
      let over = false
      const isOver = () => over
      const sends = keepWriting(isOver, (key) =>
        rest.call('POST', `/api/v1/conversations/${conversation.id}/messages`, {
          token,
          json: { clientMessageId: key, type: 'text', text: key },
        }),
      )
      const notes = keepWriting(isOver, (key) =>
        rest.call('POST', `/api/v1/conversations/${conversation.id}/notes`, {
          token,
          json: { body: key },
          headers: { 'idempotency-key': key },
        }),
      )
      /** Posted once each; what is not 200 is posted again when the database is back, as networks do. */
      const posted: { id: string; body: string; status: number | undefined }[] = []
      const posting = (async () => {
        while (!over) {
          const id = wamid()
          const body = delivery(number, [written(cora, id, { id })])
          posted.push({ id, body, status: await network.post(number, body) })
          await pause(5)
        }
      })()

      const good = () => sends.answers.filter(({ status }) => status === 202).length
      await eventually(() => expect(good()).toBeGreaterThan(20))
      process.kill(await postmaster(), signal)
      await eventually(() => expect(sends.answers.at(-1)?.status).not.toBe(202))
      const failing = sends.answers.length
      await eventually(() => expect(sends.answers.length).toBeGreaterThan(failing + 10))
      postgres = await startPostgres({ dataDir, log: () => {} })
      const accepts = performance.now()
      const before = good()
      await eventually(() => expect(good()).toBeGreaterThan(before + 10), 10_000)
      const healed = Math.round(performance.now() - accepts)
      over = true
      await Promise.all([sends.done, notes.done, posting])

      for (const [name, { answers }] of Object.entries({ sends, notes })) {
        const bad = answers.filter(({ status }) => status !== 202 && status !== 200)
        expect(bad.length, name).toBeGreaterThan(0)
        expect(new Set(bad.map(({ status, code }) => `${status} ${code}`)), name).toEqual(
          new Set(['503 unavailable']),
        )
        expect(
          bad.every(({ retryAfter }) => Number(retryAfter) > 0),
          name,
        ).toBe(true)
      }
      expect(new Set(posted.map(({ status }) => status))).toEqual(new Set([200, 503]))
      for (const { body, status } of posted) if (status !== 200) await network.deliver(number, body)

      // Nothing that was acked is missing, nothing is there twice, and the screen shows it without having been told to.
      const kept = await eventually(async () => {
        const rows = await system.asOwner<{ key: string; count: number }>(
          `select coalesce(payload->'message'->>'clientMessageId', payload->'message'->>'providerMessageId', payload->'note'->>'body') as key,
             count(*)::integer as count from events where type in ('message.queued', 'message.received', 'note.added') group by 1`,
        )
        const counts = new Map(rows.map(({ key, count }) => [key, count]))
        for (const { id } of posted) expect(counts.get(id), `delivery ${id}`).toBe(1)
        return counts
      }, 20_000)
      const wrong = [...sends.answers, ...notes.answers].filter(({ key, status }) => {
        const count = kept.get(key) ?? 0
        return status === 503 ? count > 1 : count !== 1
      })
      expect(wrong).toEqual([])
      await eventually(async () => {
        const [head] = await system.asOwner<{ seq: string }>(
          'select seq from tenant_heads where tenant_id = $1',
          [hub.tenant.id],
        )
        const [open] = await system.asOwner(`select from messages where status = 'queued'`)
        expect(open).toBeUndefined()
        expect(screen.state.position.seq).toBe(Number(head?.seq))
        expect(screen.isSettled).toBe(true)
      }, 30_000)
      // A last outcome of the network may still come between the two looks.
      await eventually(async () => expect(shown(screen.state)).toEqual(shown(await screen.fresh())))
      expect(screen.notices).toEqual([])
      console.log(
        `${signal}: ${good()} sends taken, ${sends.answers.length - good()} refused; taken again after ${healed} ms`,
      )
    },
    120_000,
  )
})
