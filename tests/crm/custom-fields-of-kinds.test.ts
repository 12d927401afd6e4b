import { describe, expect, test } from 'vitest'
import type { CustomFieldEntity } from '../../src/contract/crm/custom-field.ts'
import type { DealView } from '../../src/contract/crm/deal.ts'
import type { PipelineStageView } from '../../src/contract/crm/pipeline.ts'
import type { ContactView } from '../../src/contract/records.ts'
import type { Problem } from '../../src/contract/rest/problem.ts'
import { asSuperuser } from '../cli/cli.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import { type Desk, openDesk } from './desk.ts'

interface Valued {
  readonly id: number
  readonly version: number
  readonly customFields: Record<string, unknown>
}

/** What a record of each kind cannot do without. */
async function least(desk: Desk, path: string): Promise<object> {
  if (path === 'customers') return { name: 'c' }
  if (path === 'contacts') return { firstName: 'c' }
  const { data } = await desk.get<{ data: PipelineStageView[] }>('pipeline-stages')
  return { title: 'c', stageId: data[0]?.id }
}

async function open(hub: Hub): Promise<Desk> {
  return openDesk(hub, { role: 'manager' })
}

const define = (desk: Desk, entity: CustomFieldEntity, field: object) =>
  desk.make<{ id: number }>('custom-fields', { entity, label: 'A field', ...field })

const kinds = [
  { entity: 'customer', path: 'customers' },
  { entity: 'contact', path: 'contacts' },
  { entity: 'deal', path: 'deals' },
] as const

test.each(kinds.slice(1))(
  '[FLD6] $path have custom fields as customers have them',
  async ({ entity, path }) => {
    await using hub = await startHub()
    const desk = await open(hub)
    const plan = await define(desk, entity, { key: 'plan', type: 'list', options: ['basic', 'pro'] })
    await define(desk, entity, { key: 'size', type: 'number', required: true })
    const whole = await least(desk, path)
    const made = await expectReplayEqualsSnapshot(
      hub,
      () => desk.make<Valued>(path, { ...whole, customFields: { plan: 'pro', size: 2 } }),
      { api: desk.api },
    )
    expect(made.customFields).toEqual({ plan: 'pro', size: 2 })
    const at = `${path}/${made.id}`
    const patched = await expectReplayEqualsSnapshot(
      hub,
      () => desk.call<Valued>('PATCH', at, { customFields: { plan: null, size: 3 } }),
      { api: desk.api },
    )
    expect(patched.body.data.customFields).toEqual({ size: 3 })
    const refused = async (method: string, to: string, body: object) => {
      const answer = await desk.call(method, to, body)
      expect(answer.status, JSON.stringify(answer.body)).toBe(400)
      return (answer.body as unknown as Problem).errors?.map(({ pointer }) => pointer)
    }
    expect(await refused('POST', path, whole)).toEqual(['/customFields/size'])
    expect(
      await refused('PUT', at, { ...whole, customFields: { size: 'x', plan: 'max', colour: 1 } }),
    ).toEqual(['/customFields/size', '/customFields/plan', '/customFields/colour'])
    expect(await refused('PATCH', at, { customFields: { size: null } })).toEqual(['/customFields/size'])
    const same = await desk.call<Valued>('PATCH', at, { customFields: { size: 3 } })
    expect(same.body.data.version).toBe(patched.body.data.version)
    await desk.call('PUT', at, { ...whole, customFields: { plan: 'basic', size: 4 } })
    await desk.call('DELETE', `custom-fields/${plan.id}`)
    const put = await desk.call<Valued>('PUT', at, { ...whole, customFields: { size: 5 } })
    expect(put.body.data.customFields).toEqual({ plan: 'basic', size: 5 })
    // A field of one kind is none of another.
    expect(await refused('POST', 'customers', { name: 'c', customFields: { size: 1 } })).toEqual([
      '/customFields/size',
    ])
  },
)

test('[FLD6] a deal that moves keeps its values; contacts that are merged bring theirs along, and take them back', async () => {
  await using hub = await startHub()
  const desk = await open(hub)
  await define(desk, 'deal', { key: 'size', type: 'number', required: true })
  const whole = await least(desk, 'deals')
  const deal = await desk.make<DealView>('deals', { ...whole, customFields: { size: 1 } })
  const { data: stages } = await desk.get<{ data: PipelineStageView[] }>('pipeline-stages')
  const other = stages.find(({ id }) => id !== deal.stageId)
  const moved = await desk.call<DealView>('POST', `deals/${deal.id}/move`, { stageId: other?.id })
  expect(moved.body.data).toMatchObject({ stageId: other?.id, customFields: { size: 1 } })
  for (const key of ['a', 'b']) await define(desk, 'contact', { key, type: 'text' })
  const [one, two] = await Promise.all(
    [{ a: '1' }, { a: '2', b: '2' }].map((customFields) =>
      desk.make<ContactView>('contacts', { firstName: 'c', customFields }),
    ),
  )
  const merged = await expectReplayEqualsSnapshot(
    hub,
    () => desk.call<ContactView>('POST', `contacts/${one?.id}/merge`, { otherId: two?.id }),
    { api: desk.api },
  )
  expect(merged.body.data.customFields).toEqual({ a: '1', b: '2' })
  const { merge } = merged.body as unknown as { merge: { id: string } }
  await expectReplayEqualsSnapshot(hub, () => desk.call('POST', `contacts/merges/${merge.id}/undo`), {
    api: desk.api,
  })
  const read = async (id = 0) => (await desk.get<{ data: ContactView }>(`contacts/${id}`)).data.customFields
  expect([await read(one?.id), await read(two?.id)]).toEqual([{ a: '1' }, { a: '2', b: '2' }])
})

describe.each(kinds)('lists of $path', ({ entity, path }) => {
  test('[FLD7] are filtered by exact values of custom fields of every type, together with all other filters', async () => {
    await using hub = await startHub()
    const desk = await open(hub)
    const types = {
      motto: 'text',
      size: 'number',
      budget: 'currency',
      ends: 'date',
      vip: 'checkbox',
      site: 'link',
    }
    for (const [key, type] of Object.entries(types)) await define(desk, entity, { key, type })
    await define(desk, entity, { key: 'plan', type: 'list', options: ['basic', 'pro'] })
    const whole = await least(desk, path)
    const full = {
      motto: 'a: b, c',
      size: 12.5,
      budget: { valueMinor: 120050, currency: 'EUR' },
      ends: '2027-01-31',
      vip: false,
      site: 'https://a.example/?x=1',
      plan: 'pro',
    }
    const one = await desk.make<Valued>(path, { ...whole, customFields: full })
    const two = await desk.make<Valued>(path, { ...whole, customFields: { plan: 'pro', vip: true } })
    await desk.make<Valued>(path, whole)
    const list = async (cf: readonly string[], more = '') => {
      const query = cf.map((text) => `cf=${encodeURIComponent(text)}`).join('&')
      const { data } = await desk.get<{ data: Valued[] }>(`${path}?sort=createdAt&order=asc&${query}${more}`)
      return data.map(({ id }) => id)
    }
    expect(await list(['plan:pro'])).toEqual([one.id, two.id])
    for (const text of [
      'motto:a: b, c',
      'size:12.50',
      'budget:120050 eur',
      'ends:2027-01-31',
      'vip:false',
      'site:https://a.example/?x=1',
    ])
      expect(await list([text]), text).toEqual([one.id])
    expect(await list(['plan:pro', 'vip:yes'])).toEqual([two.id])
    expect(await list(['plan:basic'])).toEqual([])
    expect(await list(['motto:A: B, C'])).toEqual([])
    await desk.call('DELETE', `${path}/${one.id}`)
    expect(await list(['plan:pro'])).toEqual([two.id])
    expect(await list(['plan:pro'], '&deleted=with')).toEqual([one.id, two.id])
    expect(await list(['plan:pro'], '&deleted=only&limit=1')).toEqual([one.id])
    const other = await hub.addTenant()
    const strangers = await openDesk(hub, { role: 'manager', tenant: other.slug }, desk.api)
    const refused = await strangers.call('GET', `${path}?cf=plan:pro`)
    expect(refused.status).toBe(400)
  })

  test('[FLD7] refuse a field that is not there and a value that it cannot have, at its place', async () => {
    await using hub = await startHub()
    const desk = await open(hub)
    await define(desk, entity, { key: 'size', type: 'number' })
    await define(desk, entity, { key: 'plan', type: 'list', options: ['basic', 'pro'] })
    const gone = await define(desk, entity, { key: 'gone', type: 'text' })
    await desk.call('DELETE', `custom-fields/${gone.id}`)
    const faults = async (query: string) => {
      const { status, body } = await desk.call('GET', `${path}?${query}`)
      expect(status).toBe(400)
      return (body as unknown as Problem).errors
    }
    for (const text of [
      'colour:red',
      'gone:x',
      'size',
      'size:',
      'size:big',
      'plan:Pro',
      '',
      ':',
      '__proto__:x',
    ])
      expect(await faults(`cf=${text}`), text).toMatchObject([{ in: 'query', pointer: '/cf' }])
    expect(await faults('cf=size:1&cf=size:2&cf=x:1')).toMatchObject([
      { pointer: '/cf/1', message: 'each field only once' },
      { pointer: '/cf/2', message: 'there is no field "x"' },
    ])
  })
})

test('[FLD7] a value that very many have is walked page by page like any list', async () => {
  await using hub = await startHub()
  const desk = await open(hub)
  await define(desk, 'customer', { key: 'plan', type: 'text' })
  await asSuperuser(hub, (query) =>
    query(
      `insert into customers (tenant_id, name, custom_fields)
       select $1, 'c' || i, jsonb_build_object('plan', case when i % 2 = 0 then 'many' else 'odd' end)
       from generate_series(1, 10020) i`,
      [hub.tenant.id],
    ),
  )
  for (const [plan, total] of [
    ['many', 5010],
    ['odd', 5010],
  ] as const) {
    const seen = new Set<number>()
    for (let cursor = ''; ; ) {
      const page = await desk.get<{ data: Valued[]; nextCursor: string | null }>(
        `customers?cf=plan:${plan}&sort=name&limit=200${cursor}`,
      )
      for (const { id, customFields } of page.data) {
        expect(customFields).toEqual({ plan })
        seen.add(id)
      }
      if (page.nextCursor === null) break
      cursor = `&cursor=${page.nextCursor}`
    }
    expect(seen.size).toBe(total)
  }
})

test('[FLD7] the index answers, however often it is asked, and reads nothing of other tenants', async () => {
  await using hub = await startHub()
  const other = await hub.addTenant()
  await asSuperuser(hub, async (query) => {
    for (const tenant of [hub.tenant.id, other.id])
      await query(
        `insert into customers (tenant_id, name, custom_fields)
         select $1, 'c' || i, jsonb_build_object('size', i, 'plan', 'p' || i % 10) from generate_series(1, 20000) i`,
        [tenant],
      )
    await query('analyze customers')
    await query(`select set_config('app.tenant_id', $1, false)`, [hub.tenant.id])
    const scans = async () => {
      await query('select pg_stat_force_next_flush()')
      const { rows } = await query(
        `select t.seq_scan::integer as whole, i.idx_scan::integer as index
         from pg_stat_user_tables t join pg_stat_user_indexes i on i.relid = t.relid
         where t.relname = 'customers' and i.indexrelname = 'customers_by_values' and t.schemaname = current_schema()`,
      )
      return rows[0] as { whole: number; index: number }
    }
    const before = await scans()
    // A kept plan is made anew without the values after a few times.
    for (let time = 0; time < 12; time++) {
      const { rows } = await query('select record_id from customers_with_values($1, 5001)', [
        `{"size": ${time + 1}}`,
      ])
      expect(rows).toHaveLength(1)
    }
    const after = await scans()
    expect(after).toEqual({ whole: before.whole, index: before.index + 12 })
    const { rows } = await query(
      `select count(*)::integer as found from customers_with_values('{"plan": "p7"}', 5001) w join customers c on c.id = w.record_id
       where c.tenant_id = $1`,
      [hub.tenant.id],
    )
    expect(rows).toEqual([{ found: 2000 }])
  })
}, 60_000)
