import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { startHub } from '../harness/hub.ts'
import { startPart } from '../harness/processes.ts'

describe('workers that run alone', () => {
  test('[OPS1] show that they live, that they are ready and what they count, and end when they are asked', async () => {
    await using hub = await startHub()
    const workers = await startPart(hub, 'workers')
    const get = (path: string) => fetch(new URL(path, `http://127.0.0.1:${workers.port}`))
    expect((await get('/health')).status).toBe(200)
    expect(await (await get('/ready')).json()).toMatchObject({ status: 'ready', checks: { draining: false } })
    expect(await (await get('/metrics')).text()).toContain('hub_inbox_oldest_seconds')
    expect((await get('/elsewhere')).status).toBe(404)
    workers.signal('SIGTERM')
    expect(await workers.ended()).toBe(0)
  })

  test('[CFG1] without their servers they say which are missing, all at once, and end with 78', async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, '../../workers/main.ts')], {
      env: { PATH: process.env['PATH'] } as NodeJS.ProcessEnv,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const said = text(child.stderr)
    expect(await once(child, 'exit')).toEqual([78, null])
    for (const key of ['DATABASE_URL', 'REDIS_URL', 'S3_ENDPOINT']) expect(await said).toContain(key)
  })
})
