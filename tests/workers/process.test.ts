import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { createInterface } from 'node:readline'
import { describe, expect, test } from 'vitest'
import { startHub } from '../harness/hub.ts'
import { workersMain } from '../harness/worker-process.ts'

describe('workers that run alone', () => {
  test('[OPS1] show that they live, that they are ready and what they count, and end when they are asked', async () => {
    await using hub = await startHub()
    const child = spawn(process.execPath, [workersMain], {
      env: { PATH: process.env['PATH'], ...hub.environment, LOG_LEVEL: 'info' } as NodeJS.ProcessEnv,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exit = once(child, 'exit')
    hub.onClose(async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await exit
    })
    let url = ''
    for await (const line of createInterface(child.stdout)) {
      const said = JSON.parse(line) as { msg: string; url?: string }
      if (said.msg !== 'workers are ready') continue
      url = said.url ?? ''
      break
    }
    const get = (path: string) => fetch(new URL(path, url))
    expect((await get('/health')).status).toBe(200)
    expect(await (await get('/ready')).json()).toMatchObject({ status: 'ready', checks: { draining: false } })
    expect(await (await get('/metrics')).text()).toContain('hub_inbox_oldest_seconds')
    expect((await get('/elsewhere')).status).toBe(404)
    child.kill('SIGTERM')
    expect(await exit).toEqual([0, null])
  })

  test('[CFG1] without their servers they say which are missing, all at once, and end with 78', async () => {
    const child = spawn(process.execPath, [workersMain], {
      env: { PATH: process.env['PATH'] } as NodeJS.ProcessEnv,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const said = text(child.stderr)
    expect(await once(child, 'exit')).toEqual([78, null])
    for (const key of ['DATABASE_URL', 'REDIS_URL', 'S3_ENDPOINT']) expect(await said).toContain(key)
  })
})
