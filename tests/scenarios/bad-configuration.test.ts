import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { restClient } from '../harness/rest-client.ts'
import { startSystem } from './system.ts'

const entries = ['gateway/main.ts', 'src/rest/main.ts', 'workers/main.ts', 'src/all-in-one.ts']

/** Three mistakes of an operator in one upgrade. */
const mistakes = { PORT: 'eighty', SEND_BATCH: '0', BASE_PATH: 'crm/' }

test('[SYS9] [G3] every process that is started with broken settings names all of them at once and ends with 78, and the old version goes on serving', {
  timeout: 60_000,
}, async () => {
  await using system = await startSystem({ gateways: 0, workers: 0 })
  const serves = async () => {
    const answer = await restClient(system.restUrl).call('GET', '/admin/me', {
      token: system.hub.token('admin'),
    })
    expect(answer.status).toBe(200)
  }
  await serves()
  await Promise.all(
    entries.map(async (entry) => {
      const child = spawn(process.execPath, [join(import.meta.dirname, '../..', entry)], {
        env: { PATH: process.env['PATH'], ...system.hub.environment, ...mistakes } as NodeJS.ProcessEnv,
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const said: string[] = []
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => said.push(chunk.toString()))
      expect(await once(child, 'exit'), entry).toEqual([78, null])
      for (const name of Object.keys(mistakes)) expect(said.join(''), entry).toContain(name)
    }),
  )
  await serves()
  expect(system.deaths).toEqual([])
})
