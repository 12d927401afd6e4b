import { expect, test } from 'vitest'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { recordFacts } from '../gateway/setup.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { asSuperuser, cli, cliJson } from './cli.ts'

interface Answer {
  ok: boolean
  partitions: { from: string; to: string; missing: string[] }
  tenants: {
    tenant: string
    head: string
    oldest: string | null
    events: number
    epochs: number[]
    findings: { code: string; position: string | null; detail: string }[]
    more: number
  }[]
}

const happen = (hub: Hub, count: number) =>
  inTenant(hub.deps, hub.tenant.id, (tx) => Promise.resolve(recordFacts(tx, count)))

async function findings(hub: Hub, ...more: string[]) {
  const { code, answer } = await cliJson<Answer>(hub.environment, 'verify-log', ...more)
  const found = answer.tenants.flatMap((one) => one.findings)
  expect({ code, ok: answer.ok }).toEqual(found.length === 0 ? { code: 0, ok: true } : { code: 1, ok: false })
  return found
}

test('[LOG7] [CLI5] a log without fault passes, over many pages and all tenants, and nothing is changed', async () => {
  await using hub = await startHub()
  await hub.addTenant('other')
  await happen(hub, 2500)
  await hub.signIn('agent')
  const { code, answer } = await cliJson<Answer>(hub.environment, 'verify-log')
  expect(code).toBe(0)
  expect(answer.partitions.missing).toEqual([])
  expect(answer.tenants).toEqual([
    {
      tenant: 'main',
      head: '1:2501',
      oldest: '1:1',
      events: 2501,
      epochs: [1],
      findings: [],
      more: 0,
    },
    { tenant: 'other', head: '1:0', oldest: null, events: 0, epochs: [], findings: [], more: 0 },
  ])
  const one = await cli(hub.environment, 'verify-log', '--tenant', 'other')
  expect(one.stdout).toMatch(/^other +0 +- +1:0 +- +ok$/m)
  expect(one.stdout).not.toContain('main')
  expect((await cli(hub.environment, 'verify-log', '--tenant', 'nobody')).code).toBe(1)
})

test('[LOG7] [CLI5] a hole is found, also at the edge of a page, and so is what was cut off at either end', async () => {
  await using hub = await startHub()
  await happen(hub, 1100)
  await asSuperuser(hub, (query) => query('delete from events where seq in (7, 8, 500, 1000, 1001)'))
  expect(await findings(hub)).toEqual([
    { code: 'hole', position: '1:9', detail: '7 to 8 are missing (2 events)' },
    { code: 'hole', position: '1:501', detail: '500 is missing' },
    { code: 'hole', position: '1:1002', detail: '1000 to 1001 are missing (2 events)' },
  ])
  const text = await cli(hub.environment, 'verify-log', '--limit', '1')
  expect(text.code).toBe(1)
  expect(text.stdout).toContain('main 1:9 hole: 7 to 8 are missing (2 events)\n')
  expect(text.stdout).toContain('main: 2 more')

  await asSuperuser(hub, (query) => query('delete from events where seq < 1002 or seq > 1098'))
  expect(await findings(hub)).toEqual([
    {
      code: 'beginning_missing',
      position: '1:1002',
      detail: 'the oldest event is 1002, and none was ever dropped',
    },
    { code: 'end_missing', position: '1:1100', detail: 'the newest event is 1:1098, the head is 1:1100' },
  ])
  await asSuperuser(hub, (query) => query('delete from events'))
  expect(await findings(hub)).toEqual([
    { code: 'end_missing', position: '1:1100', detail: 'there are no events, and none was ever dropped' },
  ])
})

test('[CLI5] what was dropped with its partition is no hole', async () => {
  await using hub = await startHub()
  await happen(hub, 10)
  await asSuperuser(hub, async (query) => {
    await query('delete from events where seq < 6')
    await query(`update tenants set created_at = now() - interval '40 days'`)
  })
  expect(await findings(hub)).toEqual([])
})

test('[LOG7] [CLI5] events that were edited, doubled or lie beyond the head are found, whatever was done to them', async () => {
  await using hub = await startHub()
  await happen(hub, 12)
  const { id } = hub.tenant
  await asSuperuser(hub, async (query) => {
    await query(`update events set payload = '{"contactId": "five"}' where seq = 2`)
    await query(`update events set payload = (payload::jsonb || '{"colour": "red"}')::json where seq = 3`)
    await query(`update events set type = 'consent.eaten' where seq = 4`)
    await query(`update events set actor = '{"kind": "ghost"}' where seq = 5`)
    await query(`update events set scope = '{"kind": "everybody"}' where seq = 6`)
    await query(`update events set conversation_id = $1 where seq = 7`, [id])
    await query(
      `insert into events (tenant_id, epoch, seq, type, scope, actor, payload, occurred_at)
       select tenant_id, epoch, seq, type, scope, actor, payload, occurred_at + interval '1 microsecond' from events where seq = 9`,
    )
    await query('update tenant_heads set seq = 11')
  })
  const found = await findings(hub)
  expect(found.map(({ code, position }) => [code, position])).toEqual([
    ['wrong_event', '1:2'],
    ['wrong_event', '1:3'],
    ['wrong_event', '1:4'],
    ['wrong_event', '1:5'],
    ['wrong_event', '1:6'],
    ['wrong_event', '1:7'],
    ['doubled', '1:9'],
    ['beyond_head', '1:11'],
  ])
  expect(found[0]?.detail).toMatch(/^consent\.changed: \/contactId: /)
  expect(found[1]?.detail).toContain('colour')
  expect(found[2]?.detail).toBe('consent.eaten: the catalogue has no such event')
  expect(found.at(-1)?.detail).toContain('1 events are beyond the head')
})

test('[CLI5] each epoch is looked at by itself: a former one may end anywhere, a new one begins with 1', async () => {
  await using hub = await startHub()
  await happen(hub, 5)
  expect((await cli(hub.environment, 'log', 'new-epoch', '--tenant', 'main')).code).toBe(0)
  await happen(hub, 3)
  const { answer } = await cliJson<Answer>(hub.environment, 'verify-log')
  expect(answer.tenants[0]).toMatchObject({
    head: '2:3',
    oldest: '1:1',
    events: 8,
    epochs: [1, 2],
    findings: [],
  })
  await asSuperuser(hub, (query) => query('delete from events where (epoch, seq) in ((1, 5), (2, 1))'))
  expect(await findings(hub)).toEqual([
    { code: 'hole', position: '2:2', detail: 'epoch 2 begins with 2: 1 events are missing' },
  ])
})

test('a day without a partition and a tenant without a head are found', async () => {
  await using hub = await startHub()
  await asSuperuser(hub, async (query) => {
    const { rows } = await query(`select to_char(now() at time zone 'UTC', 'YYYYMMDD') as today`)
    await query(`drop table events_${(rows[0] as { today: string }).today}`)
    await query('delete from tenant_heads')
  })
  const { code, answer } = await cliJson<Answer>(hub.environment, 'verify-log')
  expect(code).toBe(1)
  expect(answer.partitions.missing).toHaveLength(1)
  expect(answer.tenants[0]?.findings).toEqual([
    { code: 'no_head', position: null, detail: 'the tenant has no head row' },
  ])
})
