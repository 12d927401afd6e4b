import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { check, type SentMessage, type TenantLog } from '../harness/checker.ts'
import { type Console, fingerprint } from '../harness/console.ts'
import { eventually } from '../harness/eventually.ts'
import { seededRandom, stormSeed } from '../harness/random.ts'
import { shown } from '../harness/replay.ts'
import { delivery, written } from '../ingest/cloud-bodies.ts'
import { heldFiles, hurryFiles, paintAlbum } from './storm-files.ts'
import { rage } from './storm-nemesis.ts'
import {
  customersWrite,
  newCustomer,
  newJournal,
  pick,
  tellStatuses,
  type Town,
  workAt,
} from './storm-people.ts'
import { startSystem, type System } from './system.ts'

/** How long it blows. Longer by STORM_SECONDS, as at night. */
const seconds = Number(process.env['STORM_SECONDS'] ?? 25)
const crew = [
  ['admin', 'boss'],
  ['manager', 'max'],
  ['viewer', 'vic'],
  ['agent', 'ana'],
  ['agent', 'ana'],
  ['agent', 'ben'],
] as const

test('[SYS1] a storm over two gateways, two REST servers and two workers: afterwards every client holds a fresh snapshot, nothing is missing, doubled, in another order or with another tenant', {
  timeout: (seconds + 150) * 1000,
}, async () => {
  const seed = stormSeed('storm over the whole system')
  const randoms = Array.from({ length: 40 }, (_, place) => seededRandom(seed + place))
  const random = () => randoms.shift() as () => number
  const settings = drawSettings(random())
  await using system = await startSystem({
    gateways: 2,
    rests: 2,
    workers: 2,
    random: random(),
    environment: settings,
  })
  const journal = newJournal()
  const leaks: { reader: string; mark: string }[] = []
  const towns = await buildTowns(system, (reader, mark) => leaks.push({ reader, mark }))
  const consoles = towns.flatMap((town) => town.consoles)
  const album = await paintAlbum()
  const fate = random()
  const fateOfFiles = random()
  system.network.decide(() =>
    pick(fate, [...Array(16).fill('accept'), 'accepted-then-cut', 'cut', 'stall', 'error', 'refuse']),
  )
  system.network.decideFiles(() =>
    pick(fateOfFiles, [
      ...Array<'give'>(12).fill('give'),
      'cut',
      'cut in the middle',
      'stall in the middle',
      'error',
    ]),
  )
  const told = tellStatuses(towns, system.network, journal, random())
  await Promise.all(consoles.map((console) => console.start()))

  const end = performance.now() + seconds * 1000
  const isOver = () => performance.now() > end
  const [, mischief] = await Promise.all([
    Promise.all([
      ...towns.map((town) =>
        customersWrite(town, { network: system.network, album }, journal, random(), isOver),
      ),
      ...towns.flatMap((town) =>
        town.consoles.map((console) => workAt(console, { town, album }, journal, random(), isOver)),
      ),
    ]),
    rage(system, towns, random(), isOver),
  ])

  for (const { slug } of towns)
    await eventually(() => system.hub.signIn('agent', { sub: 'ben', tenant: slug }))

  // I7: what was begun comes to its end by itself.
  system.network.decide(() => 'accept')
  system.network.decideFiles(() => 'give')
  await eventually(async () => {
    expect(journal.pending.size, 'deliveries under way').toBe(0)
    await hurryFiles(system)
    expect(await openWork(system)).toEqual({ deliveries: 0, queued: 0, attempts: 0, parked: 0, files: 0 })
  }, 60_000)
  const logs = await eventually(() => quiet(system, towns), 20_000)

  const histories = {
    logs,
    observers: consoles.map((console) => console.observer),
    acked: journal.acked,
    asked: journal.asked,
    sent: await sentMessages(system, told),
    states: await Promise.all(
      consoles.map(async (console) => ({
        name: console.options.name,
        held: shown(console.state),
        fresh: shown(await console.fresh()),
      })),
    ),
    leaks: [...leaks, ...marksIn(system.said, towns)],
  }
  expect(check(histories), JSON.stringify(settings)).toEqual([])
  const files = await heldFiles(system, album)
  expect(files.wrong).toEqual([])
  expect(system.deaths).toEqual([])
  // Nobody had to start anew without a reason.
  const resets = consoles.flatMap((console) => console.notices.filter((notice) => notice.startsWith('reset')))
  expect(resets.filter((notice) => !/access_changed|too_far/.test(notice))).toEqual([])
  // Nothing that broke was anybody's "internal error".
  expect([...journal.refusals.keys()].filter((code) => /internal|^status/.test(code))).toEqual([])

  // A storm in which little happened would prove little.
  const events = logs.reduce((sum, log) => sum + log.events.length, 0)
  console.log(`${JSON.stringify(settings)}\n${summary(events, journal, mischief, consoles, system)}`)
  console.log(`${files.received} files came in, ${files.sent} went out, ${files.objects} objects`)
  expect(events).toBeGreaterThan(seconds * 10)
  expect(mischief.size).toBeGreaterThan(6)
  expect(journal.repeats).toBeGreaterThan(0)
  expect(Math.min(files.received, files.sent)).toBeGreaterThan(0)

  // And it is well again: what a customer writes now is on every screen at once.
  for (const town of towns) {
    const text = `${town.mark} and now?`
    const customer = newCustomer(town.numbers[0]!, town.mark)
    await system.network.deliver(customer.at, delivery(customer.at, [written(customer.who, text)]))
    await eventually(() => {
      for (const { state, options } of town.consoles)
        expect(
          [...state.messages.values()].flat().some((message) => message.text === text),
          options.name,
        ).toBe(true)
    }, 5000)
  }
})

/** Limits at which another path is taken: the seed says on which side of them this storm is. */
function drawSettings(random: () => number): Record<string, string> {
  return {
    SOCKET_BUFFER_BYTES: '65536',
    SOCKET_BUFFER_MS: '1500',
    REPLAY_PAGE: pick(random, ['3', '500']),
    REPLAY_EVENTS: pick(random, ['60', '100000', '100000']),
    SOCKET_TAIL_EVENTS: pick(random, ['1', '20', '2000']),
    DOORBELL_NEWS_BYTES: pick(random, ['0', '8192']),
    POLL_MS: pick(random, ['200', '1000', '2000']),
    WEBHOOK_BATCH: pick(random, ['1', '10', '200']),
    SEND_BATCH: pick(random, ['1', '100']),
    DATABASE_POOL: pick(random, ['3', '10']),
  }
}

async function buildTowns(system: System, leak: (reader: string, mark: string) => void): Promise<Town[]> {
  const { hub, network } = system
  const other = await hub.addTenant('other')
  const made = [hub.tenant, other].map(({ id, slug }) => ({
    id,
    slug,
    mark: `mark-${slug}-${randomUUID().slice(0, 8)}`,
  }))
  return Promise.all(
    made.map(async ({ id, slug, mark }) => {
      const numbers = [await network.connectNumber(hub, id), await network.connectNumber(hub, id)]
      const others = made.filter((one) => one.slug !== slug).map((one) => one.mark)
      const consoles = crew.map(([role, sub]) =>
        system.open(role, {
          sub,
          tenant: slug,
          onText: (text) => {
            for (const theirs of others) if (text.includes(theirs)) leak(`${slug}/${sub}`, theirs)
          },
        }),
      )
      const customers = Array.from({ length: 8 }, (_, place) => newCustomer(numbers[place % 2]!, mark))
      return { id, slug, mark, numbers, consoles, customers, teamId: await buildTeamOf(system, id, slug) }
    }),
  )
}

async function buildTeamOf({ hub }: System, tenantId: string, slug: string): Promise<string> {
  const { actor } = await hub.signIn('agent', { sub: 'ana', tenant: slug })
  const id = uuidv7()
  await inTenant(hub.deps, tenantId, async (tx) => {
    await tx.query(`insert into teams (tenant_id, id, name) values ($1, $2, 'Team')`, [tenantId, id])
    await tx.query('insert into team_members (tenant_id, team_id, user_id) values ($1, $2, $3)', [
      tenantId,
      id,
      actor.id,
    ])
  })
  return id
}

/** Work that nobody has ended yet, over all tenants. */
async function openWork(system: System) {
  const [open] = await system.asOwner(`select
    (select count(*)::integer from webhook_inbox where state = 'new') as deliveries,
    (select count(*)::integer from webhook_inbox where state = 'parked') as parked,
    (select count(*)::integer from messages where status = 'queued') as queued,
    (select count(*)::integer from attachments where state = 'pending') as files,
    (select count(*)::integer from send_attempts where state = 'started') as attempts`)
  return open
}

/** The logs, once every client has heard all of them and has everything on its screen. */
async function quiet(system: System, towns: readonly Town[]): Promise<TenantLog[]> {
  const logs = await Promise.all(towns.map((town) => readLog(system, town)))
  for (const [place, town] of towns.entries())
    for (const client of town.consoles) {
      const { name } = client.options
      expect(client.isSettled, `${name} has everything on its screen`).toBe(true)
      expect(client.state.position.seq, `${name} heard all`).toBe(logs[place]!.head)
    }
  return logs
}

async function readLog(system: System, { id, slug }: Town): Promise<TenantLog> {
  const [head] = await system.asOwner<{ seq: string }>('select seq from tenant_heads where tenant_id = $1', [
    id,
  ])
  const rows = await system.asOwner<{
    seq: string
    type: string
    scope: string
    payload: Record<string, unknown>
  }>(`select seq, type, scope->>'kind' as scope, payload from events where tenant_id = $1 order by seq`, [id])
  return {
    tenant: slug,
    head: Number(head?.seq),
    events: rows.map(({ seq, type, scope, payload }) => ({
      seq: Number(seq),
      type,
      scope,
      print: fingerprint({ type, data: payload } as Parameters<typeof fingerprint>[0]),
      data: payload,
    })),
  }
}

async function sentMessages(system: System, told: ReadonlyMap<string, string>): Promise<SentMessage[]> {
  const rows = await system.asOwner<{ id: string; status: string }>(
    `select id, status from messages where direction = 'out'`,
  )
  return rows.map(({ id, status }) => ({
    id,
    status,
    accepted: system.network.acceptedOf(id),
    told: told.get(id) ?? null,
  }))
}

/** Nothing that people write belongs into a log of ours. */
function marksIn(said: readonly string[], towns: readonly Town[]) {
  return towns.flatMap(({ mark }) =>
    said.filter((line) => line.includes(mark)).map((reader) => ({ reader, mark })),
  )
}

function summary(
  events: number,
  journal: ReturnType<typeof newJournal>,
  mischief: ReadonlyMap<string, number>,
  consoles: readonly Console[],
  { network }: System,
): string {
  const list = (counts: ReadonlyMap<string, number>) =>
    [...counts].map(([name, count]) => `${name} ${count}`).join(', ')
  const notices = Map.groupBy(
    consoles.flatMap((one) => one.notices),
    (notice) => notice,
  )
  return [
    `${events} events; ${network.counts.delivered} deliveries, ${network.counts.repeated} posted again; ${network.sends.length} sends`,
    `${journal.acked.length} acked, ${journal.repeats} asked again; refused: ${list(journal.refusals)}`,
    `mischief: ${list(mischief)}`,
    `${consoles.reduce((sum, one) => sum + one.connects, 0)} connects; ${list(new Map([...notices].map(([name, all]) => [name, all.length])))}`,
  ].join('\n')
}
