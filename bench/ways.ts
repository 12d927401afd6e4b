import {
  addDesk,
  appSecret,
  caughtUp,
  connected,
  connectsOf,
  type Desk,
  introduce,
  socketUrl,
} from './crm.ts'
import { type Part, startPart, startProduct } from './part.ts'
import type { Tenant, World } from './world.ts'

/** The ways from a webhook to the sockets, ours and those of the peers, and a pass of webhooks along one of them. */

const floodLines = 64

/** A tenant with a number and customers, and the sockets of its agents. */
export interface Office {
  readonly tenant: Tenant
  readonly desk: Desk
  readonly sockets: number
}

export async function addOffices(
  world: World,
  { tenants, sockets, customers }: { tenants: number; sockets: number; customers: number },
): Promise<Office[]> {
  const offices: Office[] = []
  for (let i = 0; i < tenants; i++) {
    const tenant = await world.addTenant()
    offices.push({ tenant, desk: await addDesk(world, tenant, customers), sockets })
  }
  return offices
}

/** One of the ways from a webhook to the sockets. */
export interface Way {
  readonly client: Part
  readonly servers: readonly Part[]
  readonly target: { port: number; path: string }
  close(): Promise<void>
}

export async function openOurs(world: World, offices: readonly Office[]): Promise<Way> {
  const gateway = await startProduct('gateway/main.ts', world.environment)
  const rest = await startProduct('src/rest/main.ts', world.environment)
  const workers = await startProduct('workers/main.ts', world.environment)
  const client = await startPart('parts/sockets.ts')
  for (const { tenant, sockets } of offices) {
    await introduce(world, tenant, sockets)
    await client.call('connect', {
      group: 'all',
      url: socketUrl(gateway.port),
      connects: connectsOf(world, tenant, { count: sockets }),
      until: caughtUp,
      counted: '42["message.received"',
    })
  }
  const servers = [rest.part, workers.part, gateway.part]
  return {
    client,
    servers,
    target: { port: rest.port, path: '/api/webhooks/whatsapp' },
    close: async () => {
      await Promise.all([client, ...servers].map((part) => part.stop()))
    },
  }
}

/** A peer: an intake and a worker of one program, and sockets by the Redis adapter. */
async function openPeer(
  world: World,
  offices: readonly Office[],
  program: string,
  begin: (parts: { intake: Part; worker: Part; numbers: readonly (readonly string[])[] }) => Promise<void>,
): Promise<Way> {
  const { REDIS_URL: redisUrl = '', DATABASE_URL: databaseUrl = '' } = world.environment
  const worker = await startPart(program, { args: ['worker', redisUrl, databaseUrl] })
  const intake = await startPart(program, { args: ['intake', redisUrl, databaseUrl] })
  const gateway = await startPart('peers/socketio-redis.ts', { args: [redisUrl] })
  const client = await startPart('parts/sockets.ts')
  await begin({
    intake,
    worker,
    numbers: offices.map(({ tenant, desk }) => [desk.phoneNumberId, tenant.id]),
  })
  const url = socketUrl(await gateway.call<number>('port'))
  for (const { tenant, sockets } of offices)
    await client.call('connect', {
      group: 'all',
      url,
      connects: Array.from({ length: sockets }, () => `40${JSON.stringify({ tenant: tenant.id })}`),
      until: connected,
      counted: '42["message.received"',
    })
  const servers = [intake, worker, gateway]
  return {
    client,
    servers,
    target: { port: await intake.call<number>('port'), path: '/webhook' },
    close: async () => {
      await Promise.all([client, ...servers].map((part) => part.stop()))
    },
  }
}

export function openNaive(world: World, offices: readonly Office[]): Promise<Way> {
  return openPeer(world, offices, 'peers/naive-pipeline.ts', async ({ intake, worker, numbers }) => {
    await intake.call('secret', { secret: appSecret })
    await worker.call('tenants', { numbers })
  })
}

export function openBare(world: World, offices: readonly Office[]): Promise<Way> {
  return openPeer(world, offices, 'peers/bare-pipeline.ts', async ({ intake, worker, numbers }) => {
    await intake.call('open', { secret: appSecret, numbers })
    await worker.call('work')
  })
}

/** What a pass of webhooks took. */
export interface Passed {
  readonly perSecond: number
  readonly answeredPerSecond: number
  readonly cpuUsPerWebhook: number
  /** The same by process, in the order of the path. */
  readonly cpuUsByServer: readonly number[]
  readonly latenciesMs: readonly number[]
}

/**
 * Posts webhooks along a way, so many a second or as fast as they are answered, and waits until every socket of their tenants
 * has them. All offices have as many sockets.
 */
export async function pass(
  way: Way,
  poster: Part,
  offices: readonly Office[],
  { webhooks, perSecond }: { readonly webhooks: number; readonly perSecond?: number },
): Promise<Passed> {
  const target = { ...way.target, appSecret, numbers: offices.map(({ desk }) => desk) }
  const before = await way.client.call<number>('events', { group: 'all' })
  await way.client.call('latencies', { group: 'all' })
  const usedBefore = await usedBy(way)
  const startedAt = performance.now()
  const load = perSecond === undefined ? { lines: floodLines } : { perSecond }
  const posted = await poster.call<{ tookMs: number; refused: number }>(
    perSecond === undefined ? 'flood' : 'pace',
    { target, webhooks, ...load },
  )
  if (posted.refused > 0) throw new Error(`${posted.refused} webhooks were refused`)
  await way.client.call('reach', {
    group: 'all',
    events: before + webhooks * (offices[0]?.sockets ?? 0),
    withinMs: 60_000,
  })
  const tookMs = performance.now() - startedAt
  const cpuUsByServer = (await usedBy(way)).map((used, i) => (used - (usedBefore[i] ?? 0)) / webhooks)
  const latencies = await way.client.call<number[]>('latencies', { group: 'all' })
  return {
    perSecond: (webhooks * 1000) / tookMs,
    answeredPerSecond: (webhooks * 1000) / posted.tookMs,
    cpuUsPerWebhook: cpuUsByServer.reduce((sum, used) => sum + used, 0),
    cpuUsByServer,
    latenciesMs: latencies.map((latency) => latency / 1000),
  }
}

async function usedBy({ servers }: Way): Promise<number[]> {
  const usages = await Promise.all(servers.map((server) => server.usage()))
  return usages.map(({ cpuUs }) => cpuUs)
}
