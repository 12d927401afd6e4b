import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startEmbedded } from '../../src/embedded/servers.ts'

let dataDir: string
const all = { postgres: true, redis: true, objectStore: true }

beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'switchboard-all-'))
  chmodSync(dataDir, 0o755)
})

afterAll(() => rmSync(dataDir, { recursive: true }))

/** Starts them in another process, as a second `npm start` in the directory would; resolves when it is ready. */
async function startElsewhere(): Promise<ChildProcess> {
  const module = new URL('../../src/embedded/servers.ts', import.meta.url).href
  const program = `const { startEmbedded } = await import(${JSON.stringify(module)})
    await startEmbedded({ dataDir: ${JSON.stringify(dataDir)}, need: ${JSON.stringify(all)}, log: () => {} })
    console.log('ready')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(createInterface(child.stdout), 'line')
  return child
}

test('a second start in the directory is told who has it; after kill -9 the next start gets it, with the same addresses', async () => {
  const other = await startElsewhere()
  await expect(startEmbedded({ dataDir, need: all, log: () => {} })).rejects.toThrow(
    new RegExp(`in use by another Switchboard \\(process ${other.pid}\\)`),
  )
  other.kill('SIGKILL')
  await once(other, 'exit')

  const lines: string[] = []
  const servers = await startEmbedded({ dataDir, need: all, log: (line) => lines.push(line) })
  expect(lines.filter((line) => line.includes('left behind'))).toHaveLength(2)
  const addresses = [servers.postgres?.url, servers.redis?.url, servers.objectStore?.url]
  await servers.stop()

  const again = await startEmbedded({ dataDir, need: all, log: () => {} })
  expect([again.postgres?.url, again.redis?.url, again.objectStore?.url]).toEqual(addresses)
  await again.stop()
})

test('only what is needed is started', async () => {
  const need = { postgres: false, redis: false, objectStore: true }
  const servers = await startEmbedded({ dataDir, need, log: () => {} })
  expect(Object.keys(servers).sort()).toEqual(['hurry', 'objectStore', 'stop'])
  await servers.stop()
})
