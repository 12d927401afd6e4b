import { expect, test } from 'vitest'
import { readTenant } from '../../src/log/read-tenant.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { asSuperuser } from '../cli/cli.ts'
import { startHub } from '../harness/hub.ts'
import { seededRandom, stormSeed } from '../harness/random.ts'

const pool = { DATABASE_POOL: '5', DATABASE_READ_POOL: '5', DATABASE_WAIT_MS: '60000' }

test('[TEN2] 1,000 tenants whose transactions are mixed over 5 connections: each sees its own canary, whatever the one before did', async () => {
  await using hub = await startHub(pool)
  const tenants = Array.from({ length: 1000 }, () => uuidv7())
  await asSuperuser(hub, (query) =>
    query(
      `with made as (
         insert into tenants (id, slug, name, shard) select id, 't-' || place, 't', 0
         from unnest($1::uuid[]) with ordinality as t (id, place) returning id)
       insert into tenant_heads (tenant_id) select id from made`,
      [tenants],
    ),
  )
  const random = seededRandom(stormSeed('isolation'))
  const below = (most: number) => Math.floor(random() * most)
  /** Own canaries that a statement without any condition shows, and whether there is anything else. */
  const seen = (tenantId: string, rows: readonly { name: string; tenant_id: string }[]): string =>
    rows
      .map((row) => (row.tenant_id === tenantId && row.name === `canary of ${tenantId}` ? 'own' : 'FOREIGN'))
      .join()
  const select = 'select tenant_id, name from teams'
  /** What a transaction does; each is told what it saw at its end, or how it failed. */
  const deeds: ((tenantId: string) => Promise<string>)[] = [
    (id) => inTenant(hub.deps, id, async (tx) => seen(id, await tx.query(select))),
    (id) => readTenant(hub.deps, id, async (query) => seen(id, await query(select))),
    // Statements that fail, work that throws, and connections that are lost leave nothing for whoever comes next.
    (id) => inTenant(hub.deps, id, (tx) => tx.query('select 1 / 0')).then(String, () => 'failed'),
    (id) => readTenant(hub.deps, id, () => Promise.reject(new Error('mine'))).then(String, () => 'failed'),
    (id) =>
      inTenant(hub.deps, id, (tx) => tx.query('select pg_terminate_backend(pg_backend_pid())')).then(
        String,
        () => 'failed',
      ),
    // Without a tenant there is nothing.
    () => hub.deps.db.write.query(select).then(({ rows }) => (rows.length === 0 ? 'nothing' : 'FOREIGN')),
    // Another tenant's row cannot be written.
    (id) =>
      inTenant(hub.deps, id, (tx) =>
        tx.query('insert into teams (tenant_id, id, name) values ($1, $2, $3)', [
          hub.tenant.id,
          uuidv7(),
          'forged',
        ]),
      ).then(String, ({ code }: { code?: string }) => (code === '42501' ? 'refused' : String(code))),
  ]
  await Promise.all(
    tenants.map((id) =>
      inTenant(hub.deps, id, (tx) =>
        tx.query('insert into teams (tenant_id, id, name) values ($1, $2, $3)', [
          id,
          uuidv7(),
          `canary of ${id}`,
        ]),
      ),
    ),
  )
  const work = tenants.flatMap((id) => [
    { id, deed: 0 },
    { id, deed: 1 },
    { id, deed: 2 + below(deeds.length - 2) },
  ])
  const mixed = work.map((one) => ({ one, at: random() })).toSorted((a, b) => a.at - b.at)
  const told = await Promise.all(
    mixed.map(async ({ one: { id, deed } }) => ({ deed, told: await deeds[deed]?.(id) })),
  )
  const wanted = ['own', 'own', 'failed', 'failed', 'failed', 'nothing', 'refused']
  expect(told.filter((one) => one.told !== wanted[one.deed])).toEqual([])
  expect(told).toHaveLength(3000)
  const { rows } = await asSuperuser(hub, (query) =>
    query(`select count(*)::int as teams, count(distinct tenant_id)::int as tenants from teams`),
  )
  expect(rows).toEqual([{ teams: 1000, tenants: 1000 }])
}, 120_000)

test('[TEN2] plans under row security use the index that begins with the tenant', async () => {
  await using hub = await startHub(pool)
  await asSuperuser(hub, async (query) => {
    await query(
      `insert into tenants (id, slug, name, shard) select gen_random_uuid(), 'many-' || n, 'x', 0 from generate_series(1, 200) n`,
    )
    await query(
      `insert into customers (tenant_id, name) select t.id, 'customer ' || n from tenants t, generate_series(1, 50) n`,
    )
    await query('analyze customers')
  })
  const plan = await readTenant(hub.deps, hub.tenant.id, (query) =>
    query<{ 'QUERY PLAN': string }>(
      'explain select * from customers where deleted_at is null order by id limit 20',
    ),
  )
  const text = plan.map((row) => row['QUERY PLAN']).join('\n')
  expect(text).toMatch(/Index Cond: \(tenant_id = /)
  expect(text).not.toMatch(/Seq Scan/)
})
