import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDeps, type ServedConfig } from '../../src/deps.ts'
import { createTenant } from '../../src/domain/tenants/create-tenant.ts'
import type { EmbeddedServer } from '../../src/embedded/embedded-server.ts'
import { startPostgres } from '../../src/embedded/postgres.ts'
import { readEvents, readHead } from '../../src/log/read.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { readConfig } from '../../src/platform/config.ts'
import { migrateUp } from '../../src/platform/migrate.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { eventually } from '../harness/eventually.ts'
import { testEnvironment } from '../harness/hub.ts'

/** Where the files of a cluster lie: under a root run its server has an account and a directory of its own. */
async function dataOf(server: EmbeddedServer): Promise<string> {
  const { default: pg } = await import('pg')
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  const { rows } = await client.query<{ data_directory: string }>('show data_directory')
  await client.end()
  return rows[0]?.data_directory ?? ''
}

/** A server runs only on files that are its own account's. */
function copyWithOwners(from: string, to: string): void {
  execFileSync('cp', ['-a', from, to])
}

test('[LOG8] a database that was put back to a moment of the past begins a new epoch by itself; an ordinary restart does not', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'switchboard-lineage-'))
  chmodSync(dataDir, 0o755)
  const start = () => startPostgres({ dataDir, log: () => {} })
  let server = await start()
  const data = await dataOf(server)
  const config = readConfig(testEnvironment(server.url)) as ServedConfig
  const tenants: string[] = []
  const within = async <T>(work: (deps: ReturnType<typeof openDeps>) => Promise<T>): Promise<T> => {
    const deps = openDeps(config, 'test')
    try {
      return await work(deps)
    } finally {
      await deps.close()
    }
  }
  const write = (tenantId = '') =>
    within((deps) =>
      inTenant(deps, tenantId, async (tx) => {
        tx.record('channel.removed', { channelId: uuidv7() }, { kind: 'tenant' })
      }),
    )
  const heads = () => within((deps) => Promise.all(tenants.map((id) => readHead(deps, id))))
  try {
    await migrateUp(config)
    await within(async (deps) => {
      for (const slug of ['one', 'two']) tenants.push((await createTenant(deps, { slug, name: slug })).id)
    })
    await write(tenants[0])
    await server.stop()
    const backup = `${data}-backup`
    copyWithOwners(data, backup)

    server = await start()
    expect(await heads()).toEqual([
      { epoch: 1, seq: 1 },
      { epoch: 1, seq: 0 },
    ])
    await write(tenants[0])
    expect((await heads())[0]).toEqual({ epoch: 1, seq: 2 })
    await server.stop()

    // The second event never happened: recovery from the copy ends on a timeline of its own.
    rmSync(data, { recursive: true })
    copyWithOwners(backup, data)
    writeFileSync(join(data, 'recovery.signal'), '')
    writeFileSync(join(data, 'postgresql.auto.conf'), "restore_command = 'false'\n")
    server = await start()
    await within(async (deps) => {
      const isStandby = async () =>
        (await deps.db.write.query<{ standby: boolean }>('select pg_is_in_recovery() as standby')).rows[0]
          ?.standby
      // Through connections that may have met it while it still recovered.
      await eventually(async () => expect(await isStandby()).toBe(false))
      await inTenant(deps, tenants[0] ?? '', async (tx) => {
        tx.record('channel.removed', { channelId: uuidv7() }, { kind: 'tenant' })
      })
    })
    expect(await heads()).toEqual([
      { epoch: 2, seq: 1 },
      { epoch: 2, seq: 0 },
    ])
    const answer = await within((deps) => readEvents(deps, tenants[0] ?? '', { epoch: 1, seq: 2 }, 10))
    expect(answer).toBe('epoch')
  } finally {
    await server.stop()
    rmSync(dataDir, { recursive: true, force: true })
    rmSync(data, { recursive: true, force: true })
    rmSync(`${data}-backup`, { recursive: true, force: true })
  }
})
