import { expect, test } from 'vitest'
import { claimImport } from '../../src/domain/imports/claim-import.ts'
import { tidyImports } from '../../src/domain/imports/tidy-imports.ts'
import { asSuperuser } from '../cli/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { startRestOf } from '../harness/rest-client.ts'
import { bring, errorsOf, get, openWithWorkers, start, upload } from './bringing.ts'

const sql = async (hub: Hub, text: string, values: readonly unknown[] = []) =>
  (await asSuperuser(hub, (query) => query(text, values as unknown[]))).rows as Record<string, unknown>[]

test('[CSV7] what was wrong is kept of IMPORT_ERRORS rows, and of not one more; all are counted', async () => {
  await using hub = await startHub({ IMPORT_ERRORS: '3', IMPORT_BATCH: '2' })
  const rest = await openWithWorkers(hub)
  const token = hub.token('agent')
  for (const wrong of [3, 4]) {
    const file = `name,status\n${'x,rich\n'.repeat(wrong)}fine,lead\n`
    const { id } = await bring(rest, token, file)
    expect(await get(rest, token, id)).toMatchObject({ state: 'done', failed: wrong, created: 1 })
    const lines = (await errorsOf(rest, token, id)).trim().split('\r\n')
    expect(lines.slice(1).map((line) => line.split(',')[0])).toEqual(['2', '3', '4'])
  }
})

test('[CSV6] one transaction writes IMPORT_BATCH rows, and not one more', async () => {
  await using hub = await startHub({ IMPORT_BATCH: '3' })
  const rest = await openWithWorkers(hub)
  const token = hub.token('agent')
  const sizes = async (rows: number) => {
    await sql(hub, 'delete from customers')
    expect(await bring(rest, token, `name\n${'x\n'.repeat(rows)}`)).toMatchObject({ created: rows })
    const found = await sql(
      hub,
      'select count(*)::integer as size from customers group by created_at order by created_at',
    )
    return found.map(({ size }) => size)
  }
  expect(await sizes(3)).toEqual([3])
  expect(await sizes(4)).toEqual([3, 1])
  expect(await sizes(7)).toEqual([3, 3, 1])
})

test('[CSV6] a claim holds for IMPORT_LEASE_MS, and not for long after', async () => {
  const lease = 1500
  await using hub = await startHub({ IMPORT_LEASE_MS: String(lease) })
  const rest = await startRestOf(hub)
  const token = hub.token('agent')
  const { id } = await upload(rest, token, 'name\nx\n')
  await start(rest, token, id)
  const claim = () => claimImport(hub.deps, hub.tenant.id, id)
  const before = performance.now()
  const first = await claim()
  const after = performance.now()
  expect(first).not.toBeNull()
  expect(await claim()).toBeNull()
  const second = await eventually(async () => {
    const taken = await claim()
    if (taken === null) throw new Error('still held')
    return taken
  }, 10_000)
  expect(performance.now() - before).toBeGreaterThanOrEqual(lease)
  expect(performance.now() - after).toBeLessThan(lease + 5000)
  expect(second.token).not.toBe(first?.token)
})

test('[CSV9] an import that ended is kept for IMPORT_KEEP_DAYS, and not one more; its files go at once, or when the store is back', async () => {
  await using hub = await startHub({ IMPORT_KEEP_DAYS: '30', MEDIA_UPLOAD_SECONDS: '600' })
  const rest = await openWithWorkers(hub)
  const token = hub.token('agent')
  const tidy = () => tidyImports(hub.deps, { atMost: 100 })
  const [ended, lasting, waiting, announced] = [
    await bring(rest, token, 'name,status\nx,rich\n'),
    await bring(rest, token, 'name\ny\n'),
    await upload(rest, token, 'name\nz\n'),
    await upload(rest, token, 'name\nz\n'),
  ].map(({ id }) => id) as [string, string, string, string]
  const filesOf = async (id: string) => {
    const [row] = await sql(hub, 'select object_key, upload_key from imports where id = $1', [id])
    return row as { object_key: string | null; upload_key: string | null }
  }
  const files = await filesOf(ended)
  const isStored = async (key: string | null) => key !== null && (await hub.deps.storage.sizeOf(key)) !== null
  // The copy went when the import ended; the browser's own may be written until its address runs out.
  expect([await isStored(files.object_key), await isStored(files.upload_key)]).toEqual([false, true])
  await tidy()
  expect(await isStored(files.upload_key)).toBe(true)
  const back = (seconds: number, ...ids: string[]) =>
    sql(
      hub,
      `update imports set created_at = now() - make_interval(secs => $1),
         finished_at = case when finished_at is not null then now() - make_interval(secs => $1) end where id = any($2)`,
      [seconds, ids],
    )
  const day = 86_400
  await back(590, ended)
  await tidy()
  expect(await isStored(files.upload_key)).toBe(true)
  await back(610, ended)
  await tidy()
  expect(await isStored(files.upload_key)).toBe(false)
  expect(await filesOf(ended)).toEqual({ object_key: null, upload_key: null })

  await back(30 * day - 60, ended, lasting, waiting, announced)
  await tidy()
  for (const id of [ended, lasting, waiting, announced]) await get(rest, token, id)
  const upload_ = await filesOf(waiting)
  await back(30 * day + 60, ended, waiting)
  await tidy()
  const { body } = await rest.call<{ data: { id: string }[] }>('GET', '/admin/imports', { token })
  expect(body.data.map(({ id }) => id).toSorted()).toEqual([lasting, announced].toSorted())
  expect(await sql(hub, 'select line from import_errors')).toEqual([])
  expect(await isStored(upload_.upload_key)).toBe(false)
  expect(await tidy()).toBe(0)
}, 60_000)
