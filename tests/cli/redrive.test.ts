import { once } from 'node:events'
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { ingestChannel } from '../harness/ingest-channel.ts'
import type { QueueName } from '../../src/platform/jobs.ts'
import { WaitingChannels } from '../../src/platform/waiting-channels.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import { fetchAttachment } from '../../src/domain/media/fetch-attachment.ts'
import { bytes, startFileServer } from '../media/file-server.ts'
import { startMediaHub } from '../media/media-hub.ts'
import { photo } from '../media/pictures.ts'
import { type IntakeHub, startIntake, textTo } from '../webhooks/intake-hub.ts'
import { cli, cliJson, trailOf } from './cli.ts'

interface Answer {
  redriven: number
  items: {
    kind: string
    id: string
    tenant: string | null
    channelId: string | null
    reason: string | null
    outcome: string
    why?: string
  }[]
}

const redrive = (hub: Hub, ...args: string[]) => cliJson<Answer>(hub.environment, 'redrive', ...args)

/** Takes the nudges of a name that wait in Redis for a worker. */
async function nudges(hub: Hub, name: QueueName): Promise<unknown[]> {
  const queue = new Queue(name, { connection: hub.deps.redis, prefix: hub.config.REDIS_PREFIX })
  const jobs = await queue.getJobs(['waiting', 'prioritized'])
  await queue.drain()
  await queue.close()
  return jobs.map((job) => job.data as unknown)
}

/** Takes the channels that wait in Redis for a worker. */
const woken = (hub: Hub) => new WaitingChannels(hub.deps.redis, hub.config.REDIS_PREFIX).take(100, 0.05)

const ingest = (intake: IntakeHub, channelId: string, tenantId = intake.hub.tenant.id) =>
  ingestChannel(intake.hub.deps, { tenantId, channelId })

const textsOf = async (intake: IntakeHub): Promise<string[]> =>
  (await intake.asOwner<{ text: string }>('select text from messages order by created_at, text')).map(
    (row) => row.text,
  )

test('nothing stuck: nothing listed, nothing done', async () => {
  await using hub = await startHub()
  expect(await cli(hub.environment, 'redrive')).toEqual({
    code: 0,
    stdout: 'Nothing is stuck.\n',
    stderr: '',
  })
  expect(await redrive(hub, '--state', 'parked')).toEqual({ code: 0, answer: { redriven: 0, items: [] } })
})

test('[CLI6] J5: parked deliveries are listed with their reason, and tried again without doing anything twice', async () => {
  await using intake = await startIntake()
  const { hub } = intake
  const number = await intake.addNumber()
  const other = await intake.addNumber()
  for (const text of ['first', 'second']) await intake.post(number, textTo(number, text))
  await intake.post(other, textTo(other, 'third'))
  await ingest(intake, number.channelId)
  await intake.asOwner(
    `update webhook_inbox set state = 'parked', attempts = 5, reason = 'it could not be stored', poison = '[{"reason": "x"}]'`,
  )
  const [first, second, third] = (await intake.inbox()).map((row) => String(row.id))

  const list = await cli(hub.environment, 'redrive')
  expect(list.code).toBe(0)
  expect(list.stdout).toMatch(
    new RegExp(`^parked +${first} +main +${number.channelId} +\\S+ \\S+ +5 +it could not be stored$`, 'm'),
  )
  const listed = await redrive(hub, '--state', 'parked', '--list', '--channel', number.channelId)
  expect(listed.answer.items.map(({ id, outcome }) => [id, outcome])).toEqual([
    [first, 'listed'],
    [second, 'listed'],
  ])
  expect((await redrive(hub, '--list', '--limit', '1')).answer.items.map(({ id }) => id)).toEqual([first])
  expect((await intake.inbox()).every((row) => row.state === 'parked')).toBe(true)

  await woken(hub)
  const one = await redrive(hub, '--state', 'parked', '--id', third ?? '')
  expect(one).toMatchObject({ code: 0, answer: { redriven: 1, items: [{ id: third, outcome: 'redriven' }] } })
  expect(await woken(hub)).toEqual([{ tenantId: hub.tenant.id, channelId: other.channelId }])
  await ingest(intake, other.channelId)

  const all = await cli(hub.environment, 'redrive', '--state', 'parked')
  expect(all.stdout.match(/tried again/g)).toHaveLength(2)
  expect(
    (await intake.inbox()).map(({ state, reason, poison }) => ({ state, reason, poison })).slice(0, 2),
  ).toEqual(Array(2).fill({ state: 'new', reason: null, poison: null }))
  await ingest(intake, number.channelId)
  expect((await intake.inbox()).map(({ state }) => state)).toEqual(['done', 'done', 'done'])
  expect(await textsOf(intake)).toEqual(['first', 'second', 'third'])
  expect((await trailOf(hub)).filter(({ action }) => action === 'delivery.redrive')).toHaveLength(2)
  expect((await cli(hub.environment, 'verify-log')).code).toBe(0)
})

test('what came for a suspended tenant waits until it is let back in', async () => {
  await using intake = await startIntake()
  const { hub } = intake
  const number = await intake.addNumber()
  await cli(hub.environment, 'tenant', 'suspend', 'main')
  await intake.post(number, textTo(number, 'while you were out'))
  const early = await redrive(hub, '--state', 'quarantined')
  expect(early).toMatchObject({
    code: 1,
    answer: { redriven: 0, items: [{ outcome: 'left', why: 'the tenant is suspended' }] },
  })
  await cli(hub.environment, 'tenant', 'resume', 'main')
  const done = await redrive(hub, '--state', 'quarantined', '--tenant', 'main')
  expect(done).toMatchObject({ code: 0, answer: { redriven: 1, items: [{ tenant: 'main' }] } })
  await ingest(intake, number.channelId)
  expect(await textsOf(intake)).toEqual(['while you were out'])
})

test('[CLI6] what came for a removed number goes to the channel that the same tenant has it as now, and to nobody else', async () => {
  await using intake = await startIntake()
  const { hub } = intake
  const stranger = await hub.addTenant()
  const number = await intake.addNumber()
  await intake.post(number, textTo(number, 'still there?'))
  await intake.asOwner('update channels set deleted_at = now() where id = $1', [number.channelId])
  await ingest(intake, number.channelId)
  expect(await redrive(hub, '--state', 'quarantined')).toMatchObject({
    code: 1,
    answer: { items: [{ outcome: 'left', why: 'its number is not connected' }] },
  })
  const { phoneNumberId, appSecret } = number
  const theirs = await intake.addNumber({ phoneNumberId, appSecret, tenant: stranger.id })
  expect((await redrive(hub, '--state', 'quarantined')).code).toBe(1)
  await intake.asOwner('update channels set deleted_at = now() where id = $1', [theirs.channelId])
  const again = await intake.addNumber({ phoneNumberId, appSecret })
  expect(await redrive(hub, '--state', 'quarantined')).toMatchObject({
    code: 0,
    answer: { items: [{ outcome: 'redriven', channelId: again.channelId }] },
  })
  await ingest(intake, again.channelId)
  expect(await textsOf(intake)).toEqual(['still there?'])
})

test('[CLI6] what was nobody’s goes to its number when that is connected, and only when the number’s own app signed it', async () => {
  await using intake = await startIntake()
  const { hub } = intake
  const victim = await hub.addTenant('victim')
  const known = await intake.addNumber()
  const later = { phoneNumberId: '10999000111', wabaId: '20999000111' }
  await intake.post(known, textTo(later, 'put in quarantine by the app of another number'))
  await intake.post(known, textTo(later, 'and one more'))
  const rows = await intake.inbox()
  expect(rows.map(({ state, tenantId }) => ({ state, tenantId }))).toEqual(
    Array(2).fill({ state: 'quarantined', tenantId: null }),
  )
  const listed = await redrive(hub)
  expect(listed.answer.items).toMatchObject([
    { kind: 'quarantined', id: String(rows[0]?.id), tenant: null, outcome: 'listed' },
    { kind: 'quarantined', id: String(rows[1]?.id), tenant: null, outcome: 'listed' },
  ])
  expect(listed.answer.items[0]?.reason).toContain(later.phoneNumberId)

  // Connected by somebody whose app did not sign it: to them it is a forgery.
  const theirs = await intake.addNumber({ ...later, tenant: victim.id })
  const refused = await redrive(hub, '--state', 'quarantined')
  expect(refused.code).toBe(1)
  expect(refused.answer.items.map(({ why }) => why)).toEqual(
    Array(2).fill('no number that is connected now signed it for itself'),
  )
  expect(await intake.inbox()).toHaveLength(2)

  // Connected with the app that signed it.
  await intake.asOwner('update channels set deleted_at = now() where id = $1', [theirs.channelId])
  const mine = await intake.addNumber({ ...later, appSecret: known.appSecret })
  const one = await redrive(hub, '--state', 'quarantined', '--id', String(rows[1]?.id))
  expect(one).toMatchObject({
    code: 0,
    answer: { redriven: 1, items: [{ tenant: 'main', channelId: mine.channelId, outcome: 'redriven' }] },
  })
  expect((await redrive(hub, '--state', 'quarantined')).answer.redriven).toBe(1)
  expect(await woken(hub)).toContainEqual({ tenantId: hub.tenant.id, channelId: mine.channelId })
  await ingest(intake, mine.channelId)
  expect((await textsOf(intake)).toSorted()).toEqual([
    'and one more',
    'put in quarantine by the app of another number',
  ])
  expect((await intake.inbox()).map(({ state }) => state)).toEqual(['done', 'done', 'done', 'done'])
  expect((await trailOf(hub)).filter(({ action }) => action === 'delivery.adopt')).toHaveLength(2)
  expect(await redrive(hub)).toMatchObject({ code: 0, answer: { items: [] } })
})

test('[SYN2] a file that could not be had is fetched again, and whoever sees its message is told', async () => {
  await using server = await startFileServer(bytes(Buffer.alloc(0)))
  await using media = await startMediaHub(server)
  const { hub } = media
  const { attachmentId } = await media.receive({ id: 'f1' })
  const job = { tenantId: hub.tenant.id, attachmentId }
  expect(await fetchAttachment(hub.deps, job)).toBe('failed')
  const listed = await redrive(hub)
  expect(listed.answer.items).toMatchObject([
    { kind: 'media', id: attachmentId, tenant: 'main', outcome: 'listed' },
  ])
  await expectReplayEqualsSnapshot(hub, async () => {
    const done = await redrive(hub, '--state', 'media', '--id', attachmentId)
    expect(done).toMatchObject({ code: 0, answer: { redriven: 1 } })
  })
  expect(await media.row(attachmentId)).toMatchObject({ state: 'pending', attempts: 0, reason: null })
  expect(await nudges(hub, 'fetch-media')).toEqual([job])
  expect((await media.events()).at(-1)).toMatchObject({
    type: 'message.media_awaited',
    data: { message: { media: { id: attachmentId, state: 'pending' } } },
  })
  server.serve = bytes(await photo(), 'image/jpeg')
  expect(await fetchAttachment(hub.deps, job)).toBe('stored')
  expect((await trailOf(hub)).map(({ action }) => action)).toContain('media.redrive')
})

test('nudges that the queue gave up are listed and put back in line', async () => {
  await using hub = await startHub()
  const { REDIS_PREFIX: prefix, REDIS_URL } = hub.config
  const connection = new Redis(REDIS_URL[0] ?? '', { maxRetriesPerRequest: null })
  hub.onClose(async () => connection.disconnect())
  const queue = new Queue('deliver-outbound', { connection, prefix })
  const worker = new Worker(
    'deliver-outbound',
    async () => {
      throw new Error('it died with its worker')
    },
    { connection, prefix },
  )
  const failed = once(worker, 'failed')
  const data = { tenantId: hub.tenant.id, channelId: 'a-channel' }
  const job = await queue.add('deliver-outbound', data)
  await failed
  await worker.close()

  const listed = await redrive(hub)
  expect(listed.answer.items).toMatchObject([
    { kind: 'jobs', id: `deliver-outbound/${job.id}`, reason: 'it died with its worker', outcome: 'listed' },
  ])
  expect(await redrive(hub, '--state', 'jobs')).toMatchObject({ code: 0, answer: { redriven: 1 } })
  await eventually(async () => expect(await nudges(hub, 'deliver-outbound')).toEqual([data]))
  await queue.close()
})
