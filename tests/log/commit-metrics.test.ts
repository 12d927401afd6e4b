import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { expect, test } from 'vitest'
import { commandHandlers } from '../../src/command-handlers.ts'
import { Failure } from '../../src/contract/errors.ts'
import { readHead } from '../../src/log/read.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { migrationsDirectory } from '../../src/platform/migrate.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { echoing, recordFacts, startGatewayHub } from '../gateway/setup.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { connectNumber } from '../harness/number.ts'
import { startRestOf } from '../harness/rest-client.ts'

/** How often a histogram was given something, and what it adds up to in seconds. */
async function observed({ deps }: Pick<Hub, 'deps'>, name: 'seqLockWait' | 'commitToAck') {
  const { values } = await deps.metrics[name].get()
  const valueOf = (end: string) => values.find(({ metricName }) => metricName?.endsWith(end))?.value ?? 0
  return { count: valueOf('_count'), seconds: valueOf('_sum') }
}

async function asOwner(hub: Hub, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: hub.config.DATABASE_URL })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

const write = (hub: Hub) => inTenant(hub.deps, hub.tenant.id, (tx) => Promise.resolve(recordFacts(tx, 1)))

test('[OPS5] who waits for the head row of their tenant is seen in hub_seq_lock_wait_seconds, for as long as it was held', async () => {
  await using hub = await startHub()
  const before = await observed(hub, 'seqLockWait')
  await write(hub)
  const free = await observed(hub, 'seqLockWait')
  expect(free.count).toBe(before.count + 1)
  await asOwner(hub, async (holder) => {
    await holder.query('begin')
    await holder.query('select 1 from tenant_heads where tenant_id = $1 for update', [hub.tenant.id])
    const waiting = write(hub)
    const isWaiting = () =>
      asOwner(hub, async (observer) => {
        const { rowCount } = await observer.query(
          `select 1 from pg_stat_activity where datname = current_database()
           and wait_event_type = 'Lock' and query like '%append_events%'`,
        )
        expect(rowCount).toBe(1)
      })
    await eventually(isWaiting)
    const since = performance.now()
    for (let looks = 0; looks < 20; looks++) await isWaiting()
    const held = (performance.now() - since) / 1000
    await holder.query('commit')
    await waiting
    const after = await observed(hub, 'seqLockWait')
    expect(after.count).toBe(free.count + 1)
    expect(after.seconds - free.seconds).toBeGreaterThanOrEqual(held)
  })
  await inTenant(hub.deps, hub.tenant.id, (tx) => tx.query('select 1'))
  expect((await observed(hub, 'seqLockWait')).count).toBe(free.count + 1)
})

test('[OPS5] from the commit of what a command changed to its ack is in hub_event_commit_to_ack_seconds', async () => {
  const committed = Promise.withResolvers<void>()
  const mayAnswer = Promise.withResolvers<void>()
  await using hub = await startGatewayHub(
    {},
    echoing({
      'conversation.claim': async (deps, { tenantId }) => {
        await inTenant(deps, tenantId, (tx) => Promise.resolve(recordFacts(tx, 1)))
        committed.resolve()
        await mayAnswer.promise
      },
      'conversation.assign': async (deps, { tenantId }) => {
        await inTenant(deps, tenantId, (tx) => Promise.resolve(recordFacts(tx, 1)))
        throw new Failure('conflict')
      },
    }),
  )
  const ana = hub.connect()
  await ana.next('caught-up')
  const conversationId = uuidv7()
  const answer = ana.send('conversation.claim', { conversationId })
  await committed.promise
  const since = performance.now()
  for (let n = 0; n < 20; n++) await readHead(hub.deps, hub.tenant.id)
  const waited = (performance.now() - since) / 1000
  mayAnswer.resolve()
  expect(await answer).toMatchObject({ ok: true })
  const one = await observed(hub, 'commitToAck')
  expect(one.count).toBe(1)
  expect(one.seconds).toBeGreaterThanOrEqual(waited)
  // Nothing was committed, or nothing was granted.
  await ana.send('conversation.read', { conversationId, seq: 1 })
  await ana.send('conversation.assign', { conversationId, userId: null })
  expect((await observed(hub, 'commitToAck')).count).toBe(1)
})

test('[OPS5] every message of a batch has its own answer there, repeats and refusals have none', async () => {
  await using hub = await startGatewayHub({}, commandHandlers)
  const conversation = await (await connectNumber(hub)).conversation()
  const ana = hub.connect({ token: hub.token('agent'), playsUseCases: false })
  await ana.next('caught-up')
  const send = (clientMessageId: string, conversationId = conversation.id) =>
    ana.send('message.send', { conversationId, clientMessageId, type: 'text', text: clientMessageId })
  const other = hub.connect({ token: hub.token('agent', { sub: 'other' }), playsUseCases: false })
  await other.next('caught-up')
  const answers = await Promise.all([
    send('1'),
    other.send('message.send', {
      conversationId: conversation.id,
      clientMessageId: '1',
      type: 'text',
      text: 'two',
    }),
    send('3', uuidv7()),
  ])
  expect(answers.map(({ ok }) => ok)).toEqual([true, true, false])
  expect((await observed(hub, 'commitToAck')).count).toBe(2)
  expect(await send('1')).toMatchObject({ ok: true })
  expect((await observed(hub, 'commitToAck')).count).toBe(2)
  expect(await ana.send('conversation.claim', { conversationId: conversation.id })).toMatchObject({
    ok: true,
  })
  const all = await observed(hub, 'commitToAck')
  expect(all.count).toBe(3)
  expect(all.seconds).toBeGreaterThan(0)
})

test('[OPS5] the twins of commands and whatever else is written over REST are measured as commands are', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const token = hub.token('admin')
  const conversation = await (await connectNumber(hub)).conversation()
  const count = async () => (await observed(hub, 'commitToAck')).count
  await rest.call('GET', '/admin/customers', { token })
  expect(await count()).toBe(0)
  const made = { token, json: { name: 'Rahul' }, headers: { 'idempotency-key': 'one' } }
  expect((await rest.call('POST', '/admin/customers', made)).status).toBe(201)
  expect(await count()).toBe(1)
  // The answer of before: nothing was committed for it.
  expect((await rest.call('POST', '/admin/customers', made)).status).toBe(201)
  expect((await rest.call('POST', '/admin/customers', { token, json: {} })).status).toBe(400)
  expect(await count()).toBe(1)
  const path = `/api/v1/conversations/${conversation.id}`
  const message = { clientMessageId: 'a', type: 'text', text: 'hi' }
  expect((await rest.call('POST', `${path}/messages`, { token, json: message })).status).toBe(202)
  expect((await rest.call('POST', `${path}/claim`, { token, json: {} })).status).toBe(200)
  expect(await count()).toBe(3)
  expect((await observed(hub, 'commitToAck')).seconds).toBeGreaterThan(0)
})

test('[OPS5] /metrics names everything that operators watch', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const { text } = await rest.call('GET', '/metrics')
  for (const name of watched) expect(text, name).toContain(`# TYPE hub_${name} `)
  expect(text).toMatch(/^hub_build_info\{version="\d+\.\d+\.\d+"\} 1$/m)
})

test('[OPS6] processes that ran before a migration, or before it was taken back, go on without a failure', async () => {
  await using hub = await startHub()
  const migrate = (way: 'up' | 'down') =>
    asOwner(hub, async (owner) => {
      const sql = readFileSync(join(migrationsDirectory, `000053_head_wait.${way}.sql`), 'utf8')
      await owner.query(`begin; ${sql}; commit`)
    })
  const writeOften = async () => {
    // Often enough that every connection has it prepared.
    for (let n = 0; n < 8; n++) await write(hub)
  }
  await writeOften()
  const measured = await observed(hub, 'seqLockWait')
  await migrate('down')
  await writeOften()
  expect(await observed(hub, 'seqLockWait')).toEqual(measured)
  await migrate('up')
  await writeOften()
  expect((await observed(hub, 'seqLockWait')).count).toBe(measured.count + 8)
  expect((await readHead(hub.deps, hub.tenant.id)).seq).toBe(24)
})

const watched = [
  'sockets',
  'socket_connects_total',
  'socket_closes_total',
  'event_commit_to_emit_seconds',
  'event_commit_to_ack_seconds',
  'replay_events_total',
  'replay_total',
  'reset_total',
  'doorbell_missed_total',
  'doorbell_lag_seconds',
  'gateway_head_lag_events',
  'socket_buffer_bytes',
  'slow_kicks_total',
  'seq_lock_wait_seconds',
  'ingress_ack_seconds',
  'outbox_oldest_seconds',
  'jobs_reconciled_total',
  'dead_letters',
  'provider_send_total',
  'send_unknown',
  'media_pending_oldest_seconds',
  'rls_context_errors_total',
  'authz_denied_total',
  'build_info',
]
