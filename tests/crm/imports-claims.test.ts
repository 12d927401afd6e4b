import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { claimImport } from '../../src/domain/imports/claim-import.ts'
import { runImport } from '../../src/domain/imports/run-import.ts'
import { asSuperuser } from '../cli/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'
import { startWorkerProcess } from '../harness/worker-process.ts'
import { bring, ended, get, start, upload } from './bringing.ts'

const never = new AbortController().signal

/** The names of all customers, each as often as it is there. */
async function namesOf(rest: RestClient, token: string): Promise<string[]> {
  const file = await rest.call('GET', '/admin/customers/export?sort=createdAt&order=asc', { token })
  return file.text
    .trim()
    .split('\r\n')
    .slice(1)
    .map((line) => line.split(',')[1] ?? '')
}

/** Deps whose store gives a file as `through` passes it on, from the `nth` time that it is read. */
function readingThrough(
  hub: Hub,
  nth: number,
  through: (text: string) => AsyncGenerator<string>,
): Hub['deps'] {
  const { storage } = hub.deps
  let reads = 0
  const get = async (key: string) => {
    const file = await storage.get(key)
    reads += 1
    if (reads < nth) return file
    const chunks: Buffer[] = []
    for await (const chunk of file) chunks.push(chunk as Buffer)
    return Readable.from(through(Buffer.concat(chunks).toString())).map((text: string) => Buffer.from(text))
  }
  const store = new Proxy(storage, {
    get: (own, name) => (name === 'get' ? get : Reflect.get(own, name).bind(own)),
  })
  return { ...hub.deps, storage: store }
}

test('[CSV6] a worker that wakes up between two batches, after another one took its import over, writes nothing', async () => {
  await using hub = await startHub({ IMPORT_BATCH: '10', IMPORT_LEASE_MS: '300' })
  const rest = await startRestOf(hub)
  const token = hub.token('agent')
  const names = Array.from({ length: 60 }, (_, at) => `c${at}`)
  const { id } = await upload(rest, token, `name\n${names.join('\n')}`)
  await start(rest, token, id)
  const job = { tenantId: hub.tenant.id, importId: id }
  const [asleep, awake] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  // It is read once to be counted, then to be written.
  const stalling = readingThrough(hub, 2, async function* (text) {
    const middle = text.indexOf('c35')
    yield text.slice(0, middle)
    asleep.resolve()
    await awake.promise
    yield text.slice(middle)
  })
  const first = runImport(stalling, job, never)
  await asleep.promise
  await eventually(async () => expect((await get(rest, token, id)).rowsDone).toBe(30))
  await eventually(async () => {
    await runImport(hub.deps, job, never)
    expect(await get(rest, token, id)).toMatchObject({ state: 'done', rowsDone: 60, created: 60 })
  })
  awake.resolve()
  await first
  expect(await get(rest, token, id)).toMatchObject({ state: 'done', rowsDone: 60, created: 60 })
  expect(await namesOf(rest, token)).toEqual(names)
})

test('[CSV6] a worker that stands still in the middle of a batch loses the import to another one, and doubles nothing when it wakes up', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const token = hub.token('agent')
  const settings = {
    IMPORT_BATCH: '50',
    IMPORT_LEASE_MS: '500',
    SWEEP_MS: '100',
    DATABASE_STATEMENT_MS: '1500',
  }
  const names = Array.from({ length: 3000 }, (_, at) => `c${at}`)
  const { id } = await upload(rest, token, `name\n${names.join('\n')}`)
  const first = await startWorkerProcess(hub, settings)
  await start(rest, token, id)
  await eventually(async () => expect((await get(rest, token, id)).rowsDone).toBeGreaterThan(100))
  first.signal('SIGSTOP')
  const left = await get(rest, token, id)
  expect(left.state).toBe('running')
  const second = await startWorkerProcess(hub, settings)
  expect(await ended(rest, token, id)).toMatchObject({ state: 'done', rowsDone: 3000, created: 3000 })
  second.signal('SIGTERM')
  await second.ended()
  first.signal('SIGCONT')
  // It is awake when it has done something else.
  expect(await bring(rest, token, 'name\nlast\n')).toMatchObject({ state: 'done', created: 1 })
  expect(await get(rest, token, id)).toMatchObject({ state: 'done', rowsDone: 3000, created: 3000 })
  expect((await namesOf(rest, token)).toSorted()).toEqual([...names, 'last'].toSorted())
}, 60_000)

test.each(['counted', 'read up to its last row'])(
  '[CSV6] a file that takes longer than IMPORT_LEASE_MS to be %s stays in the same hands',
  async (what) => {
    const lease = 1000
    await using hub = await startHub({ IMPORT_BATCH: '1000', IMPORT_LEASE_MS: String(lease) })
    const rest = await startRestOf(hub)
    const token = hub.token('agent')
    const { id } = await upload(rest, token, 'name\nx\n')
    await start(rest, token, id)
    const job = { tenantId: hub.tenant.id, importId: id }
    let others = 0
    const slow = readingThrough(hub, what === 'counted' ? 1 : 2, async function* (text) {
      yield text
      const began = performance.now()
      for (let at = 0; performance.now() - began < 2 * lease; at++) {
        if ((await claimImport(hub.deps, hub.tenant.id, id)) !== null) others += 1
        yield at % 10 === 0 ? 'y\n' : '\n'
      }
    })
    await runImport(slow, job, never)
    expect(others).toBe(0)
    expect(await get(rest, token, id)).toMatchObject({ state: 'done', failed: 0 })
  },
)

test('[CSV6] an import of which a batch takes longer than IMPORT_LEASE_MS stays in the same hands', async () => {
  const lease = 1500
  await using hub = await startHub({ IMPORT_BATCH: '1', IMPORT_LEASE_MS: String(lease) })
  const rest = await startRestOf(hub)
  const token = hub.token('agent')
  const { id } = await upload(rest, token, 'name\nx\ny\n')
  await start(rest, token, id)
  await asSuperuser(hub, async (query) => {
    const waiting = (type: string) =>
      eventually(async () => {
        const { rowCount } = await query(
          `select from pg_locks l join pg_stat_activity a using (pid)
           where l.locktype = $1 and not l.granted and a.datname = current_database()`,
          [type],
        )
        expect(rowCount).toBeGreaterThan(0)
      })
    // What two imports of one tenant wait for holds up the batch.
    const turn = `hashtextextended('switchboard import ' || $1, 0)`
    await query(`select pg_advisory_lock(${turn})`, [hub.tenant.id])
    const run = runImport(hub.deps, { tenantId: hub.tenant.id, importId: id }, never)
    await waiting('advisory')
    const { rows } = await query('select now() + make_interval(secs => $1) as over', [lease / 1000])
    await eventually(async () => {
      const now = await query('select now() > $1 as over', [rows[0]?.['over']])
      expect(now.rows[0]?.['over']).toBe(true)
    })
    const other = claimImport(hub.deps, hub.tenant.id, id)
    await waiting('transactionid')
    await query(`select pg_advisory_unlock(${turn})`, [hub.tenant.id])
    expect(await other).toBeNull()
    await run
  })
  expect(await get(rest, token, id)).toMatchObject({ state: 'done', created: 2 })
})
