import { expect, test } from 'vitest'
import type { Environment } from '../../src/platform/config.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { recordFacts } from '../gateway/setup.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { asSuperuser, cli, follow } from './cli.ts'

const happen = (hub: Hub, count: number) =>
  inTenant(hub.deps, hub.tenant.id, (tx) => Promise.resolve(recordFacts(tx, count)))

interface Line {
  epoch: number
  seq: number
  type: string
  data: { contactId: number }
}

async function replay(environment: Environment, ...args: string[]): Promise<Line[]> {
  const { code, stdout, stderr } = await cli(environment, 'replay', '--tenant', 'main', ...args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line)
}

test('events are printed as clients get them, one per line, from the beginning or behind a position', async () => {
  await using hub = await startHub({ REPLAY_PAGE: '3' })
  expect(await replay(hub.environment)).toEqual([])
  await happen(hub, 10)
  const all = await replay(hub.environment)
  expect(all.map(({ epoch, seq }) => `${epoch}:${seq}`)).toEqual(
    [...Array(10).keys()].map((n) => `1:${n + 1}`),
  )
  expect(all[4]).toMatchObject({ type: 'consent.changed', at: expect.any(String), data: { contactId: 5 } })
  expect((await replay(hub.environment, '--after', '1:7')).map(({ seq }) => seq)).toEqual([8, 9, 10])
  expect((await replay(hub.environment, '--after', '1:2', '--limit', '4')).map(({ seq }) => seq)).toEqual([
    3, 4, 5, 6,
  ])
  expect(await replay(hub.environment, '--after', '1:10')).toEqual([])
})

test('what was trimmed is left out from the beginning, and told of when it is asked for', async () => {
  await using hub = await startHub()
  await happen(hub, 6)
  await asSuperuser(hub, (query) => query('delete from events where seq < 4'))
  expect((await replay(hub.environment)).map(({ seq }) => seq)).toEqual([4, 5, 6])
  for (const [after, why] of [
    ['1:1', 'events behind it were dropped already'],
    ['1:7', 'it is ahead of the log'],
    ['2:1', 'it is of another epoch'],
  ] as const) {
    const { code, stdout, stderr } = await cli(
      hub.environment,
      'replay',
      '--tenant',
      'main',
      '--after',
      after,
    )
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain(why)
    expect(stderr).toContain('its head is 1:6')
  }
})

test.each([
  ['by the doorbell', {}],
  ['without Redis, by polling', { REDIS_URL: 'redis://127.0.0.1:1' }],
])('--follow goes on with what happens, %s, until it is stopped', async (_, more) => {
  await using hub = await startHub()
  await happen(hub, 1)
  const environment = { ...hub.environment, POLL_MS: '200', ...more }
  const following = follow(environment, 'replay', '--tenant', 'main', '--follow')
  expect(JSON.parse(await following.next())).toMatchObject({ seq: 1 })
  await happen(hub, 2)
  expect(JSON.parse(await following.next())).toMatchObject({ seq: 2 })
  expect(JSON.parse(await following.next())).toMatchObject({ seq: 3 })
  await happen(hub, 1)
  expect(JSON.parse(await following.next())).toMatchObject({ seq: 4 })
  expect(await following.stop('SIGINT')).toBe(0)
})
