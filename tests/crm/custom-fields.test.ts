import { describe, expect, test } from 'vitest'
import type { CustomerView } from '../../src/contract/crm/customer.ts'
import { type CustomFieldView, customFieldView } from '../../src/contract/crm/custom-field.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'

interface Desk {
  readonly hub: Hub
  readonly rest: RestClient
  readonly manager: string
  readonly agent: string
}

async function openDesk(hub: Hub): Promise<Desk> {
  return { hub, rest: await startRestOf(hub), manager: hub.token('manager'), agent: hub.token('agent') }
}

async function define({ rest, manager }: Desk, field: object): Promise<CustomFieldView> {
  const json = { entity: 'customer', label: 'A field', ...field }
  const answer = await rest.call<{ data: CustomFieldView }>('POST', '/admin/custom-fields', {
    token: manager,
    json,
  })
  expect(answer.status, answer.text).toBe(201)
  return answer.body.data
}

async function customer(
  { rest, agent }: Desk,
  method: string,
  path: string,
  json: object,
): Promise<CustomerView> {
  const answer = await rest.call<{ data: CustomerView }>(method, `/admin/customers${path}`, {
    token: agent,
    json,
  })
  expect(answer.status, answer.text).toBeLessThan(300)
  return answer.body.data
}

const make = (desk: Desk, customFields: object) => customer(desk, 'POST', '', { name: 'c', customFields })

async function faults({ rest, agent }: Desk, method: string, path: string, json: object): Promise<string[]> {
  const problem = await rest.refused(method, `/admin/customers${path}`, { token: agent, json })
  expect(problem).toMatchObject({ status: 400, code: 'validation_failed' })
  return (problem.errors ?? []).map(({ pointer }) => pointer).toSorted()
}

describe('definitions', () => {
  test('[FLD1] are made, changed, deleted and brought back by managers, and every screen hears of it', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const { rest, manager } = desk
    const made = await expectReplayEqualsSnapshot(hub, () =>
      define(desk, { key: 'plan', label: ' Plan ', type: 'list', options: ['basic', 'pro'], position: 2 }),
    )
    customFieldView.parse(made)
    expect(made).toMatchObject({ label: 'Plan', required: false, options: ['basic', 'pro'] })
    const path = `/admin/custom-fields/${made.id}`
    const change = (method: string, json?: object, at = path) =>
      expectReplayEqualsSnapshot(hub, () =>
        rest.call<{ data: CustomFieldView }>(method, at, { token: manager, json }),
      )
    const patched = await change('PATCH', { options: ['basic', 'pro', 'max'], required: true })
    expect(patched.body.data).toMatchObject({ version: 2, required: true, label: 'Plan' })
    const put = await change('PUT', {
      entity: 'customer',
      key: 'plan',
      type: 'list',
      label: 'Plan',
      options: ['pro'],
    })
    expect(put.body.data).toMatchObject({ required: false, position: 0, options: ['pro'] })
    await change('DELETE')
    const listed = (query = '') =>
      rest.call<{ data: CustomFieldView[] }>('GET', `/admin/custom-fields${query}`, {
        token: hub.token('viewer'),
      })
    expect((await listed()).body.data).toEqual([])
    await change('POST', undefined, `${path}/restore`)
    await define(desk, { key: 'size', type: 'number', position: 1 })
    expect(
      (await listed('?entity=customer&sort=position&order=desc')).body.data.map(({ key }) => key),
    ).toEqual(['size', 'plan'])
  })

  test('[FLD1] agents and viewers read them, and strangers do not', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const { id } = await define(desk, { key: 'size', type: 'number' })
    const path = `/admin/custom-fields/${id}`
    for (const role of ['agent', 'viewer'] as const) {
      const token = hub.token(role)
      expect((await desk.rest.call('GET', path, { token })).status).toBe(200)
      expect(await desk.rest.refused('PATCH', path, { token, json: { label: 'x' } })).toMatchObject({
        status: 403,
      })
      const json = { entity: 'customer', key: 'b', label: 'b', type: 'text' }
      expect(await desk.rest.refused('POST', '/admin/custom-fields', { token, json })).toMatchObject({
        status: 403,
      })
    }
    const other = await hub.addTenant()
    const stranger = hub.token('admin', { tenant: other.slug })
    expect(await desk.rest.refused('GET', path, { token: stranger })).toMatchObject({ status: 404 })
    const named = await desk.rest.call('POST', '/admin/customers', {
      token: stranger,
      json: { name: 'c', customFields: { size: 1 } },
    })
    expect(named.status).toBe(400)
  })

  test('[FLD2] key, type and entity are for good, also when it is deleted; a list has options and nothing else has', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const { rest, manager: token } = desk
    const { id } = await define(desk, { key: 'size', type: 'number' })
    const refuse = async (method: string, path: string, json: object) =>
      (await rest.refused(method, `/admin/custom-fields${path}`, { token, json })).errors?.map(
        ({ pointer }) => pointer,
      )
    const whole = { entity: 'customer', key: 'size', label: 'Size', type: 'number' }
    expect(await refuse('PUT', `/${id}`, { ...whole, key: 'height', type: 'text' })).toEqual([
      '/key',
      '/type',
    ])
    expect(await refuse('PATCH', `/${id}`, { type: 'text' })).toEqual(['/type'])
    expect(await refuse('PATCH', `/${id}`, { options: ['a'] })).toEqual(['/options'])
    expect(await refuse('POST', '', { ...whole, key: 'plan', type: 'list' })).toEqual(['/options'])
    expect(await refuse('POST', '', { ...whole, key: 'plan', type: 'list', options: ['a', 'a'] })).toEqual([
      '/options',
    ])
    for (const key of ['Size', '1st', 'a b', '__proto__', 'a'.repeat(64), ''])
      expect(await refuse('POST', '', { ...whole, key })).toEqual(['/key'])
    expect(await refuse('POST', '', { ...whole, key: 'b', entity: 'tag' })).toEqual(['/entity'])
    await rest.call('DELETE', `/admin/custom-fields/${id}`, { token })
    expect(await rest.refused('POST', '/admin/custom-fields', { token, json: whole })).toMatchObject({
      status: 409,
      code: 'conflict',
    })
  })

  test('[FLD2] a kind of record has CUSTOM_FIELDS of them, and not one more, also when two come at once', async () => {
    await using hub = await startHub({ CUSTOM_FIELDS: '3' })
    const desk = await openDesk(hub)
    const first = await define(desk, { key: 'a', type: 'text' })
    await define(desk, { key: 'b', type: 'text' })
    const add = (key: string) =>
      desk.rest.call('POST', '/admin/custom-fields', {
        token: desk.manager,
        json: { entity: 'customer', key, label: key, type: 'text' },
      })
    const both = await Promise.all(['c', 'd', 'e', 'f'].map(add))
    expect(both.map(({ status }) => status).toSorted((one, two) => one - two)).toEqual([201, 409, 409, 409])
    const path = `/admin/custom-fields/${first.id}`
    await desk.rest.call('DELETE', path, { token: desk.manager })
    expect((await add('g')).status).toBe(201)
    expect(await desk.rest.refused('POST', `${path}/restore`, { token: desk.manager })).toMatchObject({
      status: 409,
    })
  })
})

describe('values', () => {
  const all = [
    {
      key: 'motto',
      type: 'text',
      value: ' per aspera ',
      kept: 'per aspera',
      wrong: [7, 'x'.repeat(2001), {}],
    },
    { key: 'size', type: 'number', value: 1.5, wrong: ['1.5', true] },
    {
      key: 'budget',
      type: 'currency',
      value: { valueMinor: -1250, currency: 'EUR' },
      wrong: [
        12,
        { valueMinor: 1.5, currency: 'EUR' },
        { valueMinor: 1, currency: 'EURO' },
        { valueMinor: 1 },
      ],
    },
    {
      key: 'ends',
      type: 'date',
      value: '2028-02-29',
      wrong: ['2027-02-29', '29.02.2028', '2028-02-29T00:00:00Z'],
    },
    { key: 'plan', type: 'list', options: ['basic', 'pro'], value: 'pro', wrong: ['max', 'Pro', ['pro']] },
    { key: 'vip', type: 'checkbox', value: false, wrong: ['yes', 0] },
    { key: 'site', type: 'link', value: 'https://acme.example/a', wrong: ['acme', 'javascript:alert(1)'] },
  ]

  test('[FLD3] each type takes its own, in one form, and says where anything else is wrong', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    for (const { key, type, options } of all) await define(desk, { key, type, ...(options && { options }) })
    const given = Object.fromEntries(all.map(({ key, value }) => [key, value]))
    const made = await expectReplayEqualsSnapshot(hub, () => make(desk, given))
    const kept = Object.fromEntries(all.map(({ key, value, kept }) => [key, kept ?? value]))
    expect(made.customFields).toEqual(kept)
    for (const { key, wrong } of all)
      for (const value of wrong)
        expect(await faults(desk, 'PATCH', `/${made.id}`, { customFields: { [key]: value } }), key).toEqual([
          `/customFields/${key}`,
        ])
    const everything = Object.fromEntries(all.map(({ key, wrong }) => [key, wrong[0]]))
    expect(
      await faults(desk, 'POST', '', { name: 'c', customFields: { ...everything, nothing: 1 } }),
    ).toHaveLength(8)
    const raw = (key: string) =>
      desk.rest.call<{ data: CustomerView }>('POST', '/admin/customers', {
        token: desk.agent,
        raw: `{"name": "c", "customFields": {"${key}": {"polluted": true}}}`,
        headers: { 'content-type': 'application/json' },
      })
    for (const key of ['constructor', 'toString', 'a/b']) expect((await raw(key)).status).toBe(400)
    expect((await raw('__proto__')).body.data.customFields).toEqual({})
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })

  test('[FLD4] PATCH changes what it names and null takes away, PUT writes all of them', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    for (const key of ['a', 'b']) await define(desk, { key, type: 'text' })
    const { id } = await make(desk, { a: '1', b: '2' })
    const patch = (customFields: object) =>
      expectReplayEqualsSnapshot(hub, () => customer(desk, 'PATCH', `/${id}`, { customFields }))
    expect((await patch({ a: '3' })).customFields).toEqual({ a: '3', b: '2' })
    expect((await patch({ a: null, b: ' ' })).customFields).toEqual({})
    await patch({ a: '4', b: '5' })
    const same = await customer(desk, 'PATCH', `/${id}`, { customFields: { a: '4' } })
    expect(await customer(desk, 'PATCH', `/${id}`, { status: 'active' })).toMatchObject({
      version: same.version + 1,
      customFields: { a: '4', b: '5' },
    })
    expect(
      (await customer(desk, 'PUT', `/${id}`, { name: 'c', customFields: { b: '6' } })).customFields,
    ).toEqual({
      b: '6',
    })
  })

  test('[FLD4] what is required must be there in a whole record, and cannot be taken away; older records may lack it', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const older = await make(desk, {})
    await define(desk, { key: 'plan', type: 'text', required: true })
    expect(await faults(desk, 'POST', '', { name: 'c' })).toEqual(['/customFields/plan'])
    expect(await faults(desk, 'PUT', `/${older.id}`, { name: 'c' })).toEqual(['/customFields/plan'])
    await customer(desk, 'PATCH', `/${older.id}`, { status: 'active' })
    const made = await make(desk, { plan: 'pro' })
    expect(await faults(desk, 'PATCH', `/${made.id}`, { customFields: { plan: null } })).toEqual([
      '/customFields/plan',
    ])
  })

  test('[FLD5] a deleted definition keeps its values and lets nobody write them; an option that went stops nobody', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const plan = await define(desk, { key: 'plan', type: 'list', options: ['basic', 'pro'] })
    await define(desk, { key: 'size', type: 'number' })
    const { id } = await make(desk, { plan: 'pro', size: 1 })
    const token = desk.manager
    const path = `/admin/custom-fields/${plan.id}`
    await desk.rest.call('PATCH', path, { token, json: { options: ['basic'] } })
    // What somebody read, they may send back.
    expect(
      (await customer(desk, 'PATCH', `/${id}`, { customFields: { plan: 'pro', size: 2 } })).customFields,
    ).toEqual({ plan: 'pro', size: 2 })
    await desk.rest.call('DELETE', path, { token })
    expect(await faults(desk, 'PATCH', `/${id}`, { customFields: { plan: 'basic' } })).toEqual([
      '/customFields/plan',
    ])
    expect(
      (await customer(desk, 'PUT', `/${id}`, { name: 'c', customFields: { size: 3 } })).customFields,
    ).toEqual({
      plan: 'pro',
      size: 3,
    })
    await desk.rest.call('POST', `${path}/restore`, { token })
    expect((await customer(desk, 'PUT', `/${id}`, { name: 'c' })).customFields).toEqual({})
  })
})
