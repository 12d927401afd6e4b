import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { type EmbeddedRedis, startRedis } from '../../src/embedded/redis.ts'
import type { Role } from '../../src/contract/records.ts'
import type { Environment } from '../../src/platform/config.ts'
import { type CloudNetwork, startCloudNetwork } from '../harness/cloud-network.ts'
import { Console } from '../harness/console.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type Part, type Running, startPart } from '../harness/processes.ts'
import { startTcpProxy, type TcpProxy } from '../harness/tcp-proxy.ts'
import type { CloudNumber } from '../webhooks/intake-hub.ts'

/** Limits that a test on one machine would meet by accident, and pauses that it would only wait for. */
const roomy: Environment = {
  SWEEP_MS: '500',
  PROVIDER_TIMEOUT_MS: '1500',
  SEND_LEASE_MS: '3000',
  MEDIA_LEASE_MS: '3000',
  MEDIA_IDLE_MS: '1500',
  SEND_BREAKER_FAILURES: '100000',
  SEND_RATE_PER_SECOND: '1000',
  SEND_BURST: '1000',
  REST_RATE_PER_MINUTE: '1000000',
  REST_IP_RATE_PER_MINUTE: '1000000',
  SOCKETS_PER_USER: '500',
  SOCKETS_PER_ADDRESS: '5000',
  SOCKET_WATERMARK_MS: '500',
  REPLAY_EVENTS: '100000',
  SHUTDOWN_GRACE_MS: '5000',
}

/** The whole of Switchboard in processes of its own, seen from outside: networks, browsers and operators. */
export interface System extends AsyncDisposable {
  readonly hub: Hub
  readonly redis: EmbeddedRedis
  readonly network: CloudNetwork
  readonly number: CloudNumber
  /** Browsers' way to the gateways: each connection goes to one that lives. */
  readonly sockets: TcpProxy
  /** Everybody's way to REST. */
  readonly rest: TcpProxy
  readonly restUrl: string
  /** What all processes wrote to their logs. */
  readonly said: readonly string[]
  /** Processes that ended although nobody killed them, with what they said last; empty in a good world. */
  readonly deaths: readonly string[]
  /** Processes that live, by part. */
  running(part: Part): Running[]
  start(part: Part, more?: Environment): Promise<Running>
  /** Kills a process without a goodbye and, unless told otherwise, starts another in its place. */
  kill(process: Running, replace?: boolean): Promise<void>
  /** A console of somebody; it is not started yet. `onText` hears every text that it is shown. */
  open(role: Role, options?: { sub?: string; tenant?: string; onText?: (text: string) => void }): Console
  /** A statement as the database's superuser, past all row security. */
  asOwner<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>
}

export interface SystemOptions {
  readonly gateways?: number
  readonly rests?: number
  readonly workers?: number
  readonly environment?: Environment
  /** Picks the process that a new connection goes to. */
  readonly random?: () => number
}

export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const { gateways = 1, rests = 1, workers = 1, environment = {}, random = Math.random } = options
  const dataDir = mkdtempSync(join(tmpdir(), 'switchboard-scenario-'))
  const redis = await startRedis({ dataDir, log: () => {}, test: true })
  const network = await startCloudNetwork()
  const hub = await startHub({
    REDIS_URL: redis.url,
    GRAPH_API_URL: network.url,
    MEDIA_HOSTS: network.host,
    ...roomy,
    ...environment,
  })
  hub.onClose(async () => {
    await network[Symbol.asyncDispose]()
    await redis.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })
  const owner = new pg.Pool({ connectionString: hub.config.DATABASE_URL, max: 3 })
  owner.on('error', () => {})
  hub.onClose(() => owner.end())
  const number = await network.connectNumber(hub)

  const said: string[] = []
  const deaths: string[] = []
  const alive = new Set<Running>()
  const running = (part: Part) => [...alive].filter((one) => one.part === part)
  const start: System['start'] = async (part, more = {}) => {
    const own: string[] = []
    const process = await startPart(hub, part, {
      more,
      onLine: (line) => {
        own.push(line)
        said.push(line)
      },
    })
    alive.add(process)
    void process.ended().then((how) => {
      if (alive.delete(process)) deaths.push(`${part} ended with ${how}: ${own.slice(-20).join('\n')}`)
    })
    return process
  }
  const portOf = (part: Part) => () => {
    const all = running(part)
    return all[Math.floor(random() * all.length)]?.port
  }
  const sockets = await startTcpProxy(portOf('gateway'))
  const rest = await startTcpProxy(portOf('rest'))
  const consoles: Console[] = []
  hub.onClose(async () => {
    for (const console of consoles) console.close()
    await sockets[Symbol.asyncDispose]()
    await rest[Symbol.asyncDispose]()
  })
  const restUrl = `http://127.0.0.1:${rest.port}`
  network.postTo(restUrl)
  const parts: Part[] = [
    ...Array.from({ length: gateways }, () => 'gateway' as const),
    ...Array.from({ length: rests }, () => 'rest' as const),
    ...Array.from({ length: workers }, () => 'workers' as const),
  ]
  try {
    await Promise.all(parts.map((part) => start(part)))
  } catch (error) {
    await hub[Symbol.asyncDispose]()
    throw error
  }

  return {
    hub,
    redis,
    network,
    number,
    sockets,
    rest,
    restUrl,
    said,
    deaths,
    running,
    start,
    kill: async (process, replace = true) => {
      alive.delete(process)
      await process.kill()
      if (replace) await start(process.part)
    },
    open: (role, { sub = `${role}-1`, tenant = hub.tenant.slug, onText } = {}) => {
      const console = new Console(
        {
          name: `${tenant}/${sub}`,
          tenant,
          role,
          token: hub.token(role, { sub, tenant }),
          socketPort: sockets.port,
          restUrl,
        },
        onText,
      )
      consoles.push(console)
      return console
    },
    asOwner: async <Row extends object>(text: string, values: readonly unknown[] = []) =>
      (await owner.query<Row & pg.QueryResultRow>(text, [...values])).rows,
    [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose](),
  }
}
