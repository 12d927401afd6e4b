import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { findRunning, takesConnections } from '../../src/embedded/running.ts'
import { startScratch } from './scratch.ts'

const prefix = 'switchboard-scratch'
const need = { postgres: true, redis: true, objectStore: false }

/** Starts scratch servers in a process of their own; `dataDir` is theirs. */
async function startElsewhere() {
  const module = new URL('./scratch.ts', import.meta.url).href
  const program = `const { startScratch } = await import(${JSON.stringify(module)})
    const { dataDir } = await startScratch('${prefix}', { need: ${JSON.stringify(need)}, log: () => {}, test: true })
    setInterval(() => {}, 60_000)
    console.log(dataDir)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [dataDir] = (await once(createInterface(child.stdout), 'line')) as [string]
  return { child, dataDir }
}

test('scratch servers take away what a killed run left behind, servers too, and nothing that somebody has', async () => {
  const killed = await startElsewhere()
  const living = await startElsewhere()
  const begun = join(tmpdir(), `${prefix}-just-begun`)
  mkdirSync(begun)
  killed.child.kill('SIGKILL')
  await once(killed.child, 'exit')
  const { postgres, redis } = await findRunning(killed.dataDir)
  expect([postgres, redis]).toEqual([expect.anything(), expect.anything()])

  const servers = await startScratch(prefix, { need, log: () => {}, test: true })
  expect(existsSync(killed.dataDir)).toBe(false)
  for (const left of [postgres, redis]) expect(await takesConnections(left?.port ?? 0)).toBe(false)
  expect(Object.keys(await findRunning(living.dataDir))).toEqual(['postgres', 'redis'])
  expect(existsSync(begun)).toBe(true)
  rmSync(begun, { recursive: true })

  living.child.kill('SIGKILL')
  await once(living.child, 'exit')
  await servers.stop()
  expect(existsSync(servers.dataDir)).toBe(false)
  const last = await startScratch(prefix, { need, log: () => {}, test: true })
  expect(existsSync(living.dataDir)).toBe(false)
  await last.stop()
})
