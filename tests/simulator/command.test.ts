import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, expect, test, vi } from 'vitest'
import { startRest } from '../../src/rest/server.ts'
import { startWorkers } from '../../workers/server.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { cli } from '../cli/cli.ts'
import { seenIn } from './seen.ts'

vi.setConfig({ testTimeout: 60_000 })

const main = join(import.meta.dirname, '../../src/cli/main.ts')
let hub: Hub | undefined

afterEach(() => hub?.[Symbol.asyncDispose]())

async function startWorld(): Promise<{ world: Hub; target: string }> {
  const world = await startHub()
  hub = world
  const workers = startWorkers(world.deps)
  world.onClose(() => workers.close())
  const rest = await startRest(world.deps, { port: 0 })
  world.onClose(() => rest.close())
  return { world, target: `http://127.0.0.1:${rest.port}` }
}

test('[SIM5] switchboard simulate connects its number, tells its story until it is stopped, and says what the hub took', async () => {
  const { world, target } = await startWorld()
  const options = ['--target', target, '--token', world.token('admin'), '--port', '0', '--seed', '3']
  const crowd = ['--customers', '5', '--rate', '20', '--json']
  const child = spawn(process.execPath, [main, 'simulate', ...options, ...crowd], {
    env: { PATH: process.env['PATH'], ...world.environment } as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [said, complained] = [text(child.stdout), text(child.stderr)]
  const seen = seenIn(world)
  await eventually(async () => expect(await seen.count()).toBeGreaterThan(5), 30_000)
  child.kill('SIGINT')
  const [code] = (await once(child, 'exit')) as [number | null]
  expect({ code, complained: await complained }).toEqual({
    code: 0,
    complained: expect.stringContaining('the number is connected now'),
  })
  const { seed, accepted } = JSON.parse(await said) as { seed: number; accepted: number }
  expect(seed).toBe(3)
  expect(accepted).toBeGreaterThan(5)
})

test('[SIM5] a hub that does not know the number, is away, or is given a bad token is told apart, with what to do', async () => {
  const { world, target } = await startWorld()
  const simulate = (...options: string[]) => cli(world.environment, 'simulate', '--port', '0', ...options)
  const unknown = await simulate('--target', target)
  expect(unknown.code).toBe(1)
  expect(unknown.stderr).toContain('give --token, or connect it: POST /api/v1/channels')
  const refused = await simulate('--target', target, '--token', world.token('agent'))
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('403 forbidden')
  const away = await simulate('--target', 'http://127.0.0.1:9', '--token', 'x')
  expect(away.code).toBe(69)
  for (const wrong of [
    ['--rate', '0'],
    ['--rate', '1001'],
    ['--customers', '0'],
    ['--customers', '10001'],
    ['--target', 'ftp://x'],
  ])
    expect((await simulate(...wrong)).code).toBe(2)
})
