import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seedRecords, sharesOf } from '../../bench/seed-records.ts'
import type { ImportView } from '../../src/contract/crm/import.ts'
import { fileKinds } from '../../src/domain/imports/file-kinds.ts'
import { runImport } from '../../src/domain/imports/run-import.ts'
import { startWorkers } from '../../workers/server.ts'
import { startRest } from '../../src/rest/server.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type RestClient, restClient, startRestOf } from '../harness/rest-client.ts'
import { ended, errorsOf, get, start, upload } from './bringing.ts'
import { type WatchedDb, watchReads } from './statement-reads.ts'

type Entity = ImportView['entity']
type Key = ImportView['upsertKey']

/** Rows of a batch, half of which find a record where there is a key, and batches of a file; the last one is looked at. */
const batchRows = 20
const batches = 10
const settings = { IMPORT_BATCH: String(batchRows) }
/** Before the last batch: the import is claimed, its rows are counted, and before each batch it is looked up who brought it. */
const commitsBefore = 2 + 2 * (batches - 1)

/**
 * Rows and entries that a statement may look at: one for a row some of its tenant's tags, fields and stages, all of which are few; one
 * for a batch a few for each of its rows.
 */
const mostRead = 600
/** What a dry run keeps is of this one file, and all of it goes at its end: a few rows and entries for each row of the file. */
const mostReadOfDrafts = 15 * batchRows * batches

/** Records of each kind that a new installation is brought: well beyond what a statement may look at. */
const grown = 1500

/** Every file that can be brought: what it is of, and by what its rows find what they change. */
const cases = (Object.keys(fileKinds) as Entity[]).flatMap((entity) =>
  (['none', ...Object.keys(fileKinds[entity].found)] as Key[]).flatMap((key) =>
    [false, true].map((dryRun) => ({ entity, key, dryRun, run: dryRun ? 'dry run' : 'run' })),
  ),
)
interface Place {
  readonly hub: Hub
  readonly rest: RestClient
  /** Of a superuser. */
  readonly owner: pg.Client
  readonly watched: WatchedDb
}

async function openPlace(hub: Hub, rest: RestClient): Promise<Place> {
  const owner = new pg.Client({ connectionString: hub.config.DATABASE_URL })
  await owner.connect()
  // It would make plans anew at a moment of its own, and while it looks, old versions of a tenant's head rows stay and are read.
  await owner.query(
    `do $$ declare target regclass; begin
       for target in select oid from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' loop
         execute format('alter table %s set (autovacuum_enabled = off)', target);
       end loop;
     end $$`,
  )
  const watched = await watchReads(hub.deps.db)
  hub.onClose(async () => {
    watched.release()
    await owner.end()
  })
  const token = hub.token('manager')
  const make = async (path: string, json: object) =>
    expect((await rest.call('POST', `/admin/${path}`, { token, json })).status).toBe(201)
  for (const name of ['Seen', 'Known']) await make('tags', { name })
  for (const entity of Object.keys(fileKinds))
    await make('custom-fields', { entity, key: 'size', label: 'Size', type: 'number' })
  return { hub, rest, owner, watched }
}

/** A record that is there, with what a row can name it by. */
type Target = { readonly [Name in Exclude<Key, 'none'>]?: string | number }

/** The last ones: whoever walks to them from the beginning passes all others. */
async function lastOf({ owner, hub }: Place, table: string, key: Key, count: number): Promise<Target[]> {
  const columns = table === 'deals' ? 'id' : 'id, email, phone'
  const has = key === 'none' ? 'id' : key
  const { rows } = await owner.query<Target>(
    `select ${columns} from ${table} where tenant_id = $1 and deleted_at is null and ${has} is not null
     order by id desc limit $2`,
    [hub.tenant.id, count],
  )
  expect(rows.length).toBe(count)
  return rows.toReversed()
}

let serial = 0

/** A file with each column that is written. By an id nothing is made, so all of its rows find something. */
async function fileOf(place: Place, entity: Entity, key: Key): Promise<string> {
  const { table } = fileKinds[entity].kind
  const count = batchRows * batches
  const targets = await lastOf(place, table, key, count)
  const customers = entity === 'customer' ? [] : await lastOf(place, 'customers', 'id', count)
  const { rows: talks } = await place.owner.query<{ id: string }>(
    'select id from conversations where tenant_id = $1 limit $2',
    [place.hub.tenant.id, count],
  )
  const rows = targets.map((target, at): Record<string, string | number | boolean | undefined> => {
    const own = { email: `own-${++serial}@import.example`, phone: `+4930${5_000_000 + serial}` }
    const finds = key === 'id' || (key !== 'none' && at % 2 === 0)
    const keys = { ...own, ...(finds && { [key]: target[key] }) }
    const customerId = customers[at]?.id
    const name = `Imported ${serial}`
    const more = { ...keys, 'customFields.size': serial }
    return {
      customer: { ...more, name, company: name, status: 'active', source: 'file', tags: 'Seen; Known' },
      // A number by which somebody is found stays one of their addresses.
      contact: {
        ...more,
        firstName: name,
        lastName: name,
        customerId,
        isPrimary: true,
        identities: `username:own${serial}; phone:${String(keys.phone).slice(1)}`,
      },
      deal: {
        ...more,
        title: name,
        customerId,
        valueMinor: 5,
        currency: 'EUR',
        conversationIds: talks[at]?.id,
      },
    }[entity]
  })
  const header = Object.keys(rows[0] ?? {})
  const lines = rows.map((row) => header.map((name) => `"${String(row[name] ?? '')}"`).join(','))
  return [header.join(','), ...lines].join('\n')
}

/** Brings such a file on the connection that is watched; the statements of its last batch that look at too much. */
async function tooMuch(place: Place, entity: Entity, key: Key, dryRun: boolean): Promise<string[]> {
  const { hub, rest, watched } = place
  const token = hub.token('manager')
  const file = await fileOf(place, entity, key)
  const { id } = await upload(rest, token, file, { entity, upsertKey: key, dryRun })
  expect((await start(rest, token, id)).status).toBe(200)
  const reads = watched.count(commitsBefore)
  const job = { tenantId: hub.tenant.id, importId: id }
  await runImport({ ...hub.deps, db: watched.db }, job, new AbortController().signal)
  const updated = { none: 0, id: 1, email: 0.5, phone: 0.5 }[key] * batchRows * batches
  const wanted = { state: 'done', updated, created: batchRows * batches - updated, failed: 0 }
  expect(await get(rest, token, id), await errorsOf(rest, token, id)).toMatchObject(wanted)
  expect(reads.length).toBeGreaterThan(2 * batchRows)
  return reads
    .filter(({ text, read }) => read > (text.includes('import_draft') ? mostReadOfDrafts : mostRead))
    .map(({ text, read, where }) => `${read}, most of them in ${where}: ${text}`)
}

describe('in a tenant of 24,000 customers among others', () => {
  let place: Place

  beforeAll(async () => {
    const hub = await startHub(settings)
    place = await openPlace(hub, await startRestOf(hub))
    const others = await Promise.all(Array.from({ length: 11 }, () => hub.addTenant()))
    const sizes = { customers: 40_000, contacts: 20_000, deals: 20_000, activities: 1000 }
    await seedRecords(place.owner, sharesOf([hub.tenant, ...others]), sizes)
  }, 180_000)
  afterAll(() => place.hub[Symbol.asyncDispose]())

  test.each(cases)(
    '[CSV11] in a $run of a file of $entity rows by $key no statement looks at more for a larger table',
    async ({ entity, key, dryRun }) => {
      expect(await tooMuch(place, entity, key, dryRun)).toEqual([])
    },
    60_000,
  )
})

describe('in a new installation, whose plans are from when it was empty', () => {
  let place: Place

  beforeAll(async () => {
    const hub = await startHub(settings)
    place = await openPlace(hub, await startRestOf(hub))
    await useWhileEmpty(place)
    const token = hub.token('manager')
    const workers = startWorkers(hub.deps)
    for (const entity of Object.keys(fileKinds) as Entity[]) {
      const { needed, found } = fileKinds[entity]
      const more = (at: number) => (found.phone ? `,a${at}@b.example,+4940${6_000_000 + at}` : '')
      const rows = Array.from({ length: grown }, (_, at) => `First ${at}${more(at)}`)
      const file = [`${needed}${found.phone ? ',email,phone' : ''}`, ...rows].join('\n')
      const { id } = await upload(place.rest, token, file, { entity })
      await start(place.rest, token, id)
      const wanted = { state: 'done', created: grown }
      const view = await ended(place.rest, token, id, 120_000)
      expect(view, await errorsOf(place.rest, token, id)).toMatchObject(wanted)
    }
    await workers.close()
  }, 400_000)
  afterAll(() => place.hub[Symbol.asyncDispose]())

  // A dry run has the same statements and those of its drafts, which no use of the empty tables had before.
  test.each(cases.filter(({ dryRun }) => !dryRun))(
    '[CSV11] in a $run of a file of $entity rows by $key no statement looks at all that came since',
    async ({ entity, key, dryRun }) => {
      expect(await tooMuch(place, entity, key, dryRun)).toEqual([])
    },
    60_000,
  )
})

/** Writes records over REST on the connection that is watched, so often that the server keeps its plans of that. */
async function useWhileEmpty({ hub, owner, watched }: Place): Promise<void> {
  const { rows } = await owner.query<{ id: number }>(
    'select id from pipeline_stages where tenant_id = $1 limit 1',
    [hub.tenant.id],
  )
  const server = await startRest({ ...hub.deps, db: watched.db }, { port: 0 })
  const rest = restClient(`http://127.0.0.1:${server.port}`, hub.config.BASE_PATH)
  const token = hub.token('manager')
  for (let use = 0; use < 10; use++)
    for (const [path, json] of Object.entries({
      customers: { name: 'First' },
      contacts: { firstName: 'First', phone: `+491701234${use}` },
      deals: { title: 'First', stageId: rows[0]?.id },
    })) {
      const made = await rest.call<{ data: { id: number } }>('POST', `/admin/${path}`, { token, json })
      expect(made.status, made.text).toBe(201)
      const one = `/admin/${path}/${made.body.data.id}`
      const changed = await rest.call('PATCH', one, { token, json: { customFields: { size: use } } })
      expect(changed.status, changed.text).toBe(200)
    }
  await server.close()
}
