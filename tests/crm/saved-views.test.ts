import { describe, expect, test } from 'vitest'
import { type SavedViewView, savedViewEntities, savedViewView } from '../../src/contract/crm/saved-view.ts'
import type { Problem } from '../../src/contract/rest/problem.ts'
import { type DefaultViews, defaultViews } from '../../src/contract/rest/saved-views.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { expectReplayEqualsSnapshot, threeWatchers, type Watcher } from '../harness/replay.ts'
import { type Desk, openDesk } from './desk.ts'

/** Who looks on: everybody who saves views here too. */
async function watching(hub: Hub, ...desks: readonly Desk[]): Promise<Watcher[]> {
  return [...(await threeWatchers(hub)), ...desks.map(({ token }, at) => ({ name: `desk ${at}`, token }))]
}

async function faults(desk: Desk, method: string, path: string, body: object): Promise<string[]> {
  const answer = await desk.call(method, path, body)
  expect(answer.status, JSON.stringify(answer.body)).toBe(400)
  return ((answer.body as unknown as Problem).errors ?? []).map(({ pointer }) => pointer)
}

const names = async (desk: Desk, query = '') =>
  (await desk.get<{ data: SavedViewView[] }>(`saved-views?sort=name${query}`)).data.map(({ name }) => name)

test('[VIEW1] a view is kept like every record, and every screen that may see it hears of it', async () => {
  await using hub = await startHub()
  const desk = await openDesk(hub)
  const watchers = await watching(hub, desk)
  const act = <T>(work: () => Promise<T>) =>
    expectReplayEqualsSnapshot(hub, work, { api: desk.api, watchers })
  const whole = {
    entity: 'deal',
    name: ' Stale ',
    shared: true,
    layout: 'board',
    filters: { ownerId: 'me', kind: 'open', valueFrom: '100000' },
    sort: 'value',
    order: 'desc',
    columns: ['title', 'valueMinor', 'expectedCloseOn'],
  }
  const made = await act(() => desk.make<SavedViewView>('saved-views', whole))
  savedViewView.parse(made)
  expect(made).toMatchObject({
    ...whole,
    name: 'Stale',
    ownerId: (desk.actor as { id: string }).id,
    version: 1,
  })
  const path = `saved-views/${made.id}`
  const patched = await act(() => desk.call<SavedViewView>('PATCH', path, { columns: ['title'], sort: null }))
  expect(patched.body.data).toMatchObject({
    version: 2,
    columns: ['title'],
    sort: null,
    filters: whole.filters,
  })
  const same = await desk.call<SavedViewView>('PATCH', path, { columns: ['title'] })
  expect(same.body.data.version).toBe(2)
  const put = await act(() =>
    desk.call<SavedViewView>('PUT', path, { entity: 'deal', name: 'All', shared: true }),
  )
  expect(put.body.data).toMatchObject({ version: 3, columns: [], layout: 'table', order: null })
  expect(put.body.data.filters).toEqual({})
  await act(() => desk.call('DELETE', path))
  expect(await names(desk)).toEqual([])
  await act(() => desk.call('POST', `${path}/restore`))
  expect(await names(desk, '&entity=deal&shared=true&ownerId=me&q=al')).toEqual(['All'])
  expect(await names(desk, '&entity=contact')).toEqual([])
  await act(() => desk.call('POST', 'saved-views/bulk', { ids: [made.id], action: 'delete' }))
  const { data } = await desk.get<{ data: SavedViewView; included: { users: object[] } }>(
    `${path}?include=owner`,
  )
  expect(data).toMatchObject({ deletedAt: expect.any(String) as string })
})

test("[VIEW2] a private view is its owner's alone; a shared one is seen by all, and changed by its owner and managers", async () => {
  await using hub = await startHub()
  const agent = await openDesk(hub, { role: 'agent' })
  const colleague = await openDesk(hub, { role: 'agent', sub: 'agent-2' }, agent.api)
  const manager = await openDesk(hub, { role: 'manager' }, agent.api)
  const viewer = await openDesk(hub, { role: 'viewer' }, agent.api)
  const watchers = await watching(hub, agent, colleague, manager, viewer)
  const act = <T>(work: () => Promise<T>) =>
    expectReplayEqualsSnapshot(hub, work, { api: agent.api, watchers })
  const { id } = await act(() =>
    agent.make<SavedViewView>('saved-views', {
      entity: 'customer',
      name: 'mine',
      filters: { status: 'lead' },
    }),
  )
  const path = `saved-views/${id}`
  for (const other of [colleague, manager, viewer]) {
    expect(await names(other)).toEqual([])
    for (const [method, at] of [
      ['GET', path],
      ['PATCH', path],
      ['DELETE', path],
      ['POST', `${path}/restore`],
    ] as const)
      expect((await other.call(method, at, method === 'PATCH' ? { name: 'x' } : undefined)).status).toBe(404)
  }
  await act(() => agent.call('PATCH', path, { shared: true }))
  for (const other of [colleague, manager, viewer]) expect(await names(other)).toEqual(['mine'])
  for (const other of [colleague, viewer])
    expect((await other.call('PATCH', path, { name: 'x' })).status).toBe(403)
  await act(() => manager.call('PATCH', path, { name: 'ours' }))
  await act(() => agent.call('PATCH', path, { shared: false, name: 'mine again' }))
  expect([await names(colleague), await names(manager), await names(agent)]).toEqual([[], [], ['mine again']])
  await act(() => agent.call('PATCH', path, { shared: true }))
  await act(() => manager.call('PATCH', path, { shared: false }))
  expect([await names(manager), await names(agent)]).toEqual([[], ['mine again']])
  // Viewers keep views of their own and share none.
  const own = await act(() => viewer.make<SavedViewView>('saved-views', { entity: 'tag', name: 'own' }))
  expect((await viewer.call('PATCH', `saved-views/${own.id}`, { shared: true })).status).toBe(403)
  expect((await viewer.call('POST', 'saved-views', { entity: 'tag', name: 'b', shared: true })).status).toBe(
    403,
  )
  const other = await hub.addTenant()
  const stranger = await openDesk(hub, { role: 'admin', tenant: other.slug }, agent.api)
  expect((await stranger.call('GET', path)).status).toBe(404)
  expect(await names(stranger)).toEqual([])
}, 60_000)

test('[VIEW2] what is private is told to nobody else, not even in the events', async () => {
  await using hub = await startHub()
  const agent = await openDesk(hub)
  const { token } = await hub.signIn('admin')
  await agent.make('saved-views', { entity: 'customer', name: 'secret plan' })
  const events = async (bearer: string) =>
    JSON.stringify(await agent.api.get(bearer, '/events?after=1:0&limit=100'))
  expect(await events(agent.token)).toContain('secret plan')
  expect(await events(token)).not.toContain('secret plan')
})

describe('[VIEW3] what a view says is what its list takes', () => {
  test('filters, sort, order and columns are judged at their place', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub, { role: 'manager' })
    await desk.make('custom-fields', { entity: 'customer', key: 'plan', label: 'Plan', type: 'text' })
    await desk.make('custom-fields', { entity: 'deal', key: 'size', label: 'Size', type: 'number' })
    const refuse = (more: object) =>
      faults(desk, 'POST', 'saved-views', { entity: 'customer', name: 'v', ...more })
    expect(await refuse({ filters: { status: 'rich', colour: 'red', tag: 'x' } })).toEqual([
      '/filters/status',
      '/filters/tag',
      '/filters/colour',
    ])
    expect(await refuse({ filters: { cf: 'size:1' } })).toEqual(['/filters/cf'])
    expect(await refuse({ filters: { cf: ['plan:pro', 'plan', 'x:1'] } })).toEqual([
      '/filters/cf/1',
      '/filters/cf/2',
    ])
    expect(await refuse({ filters: { limit: '5' } })).toEqual(['/filters/limit'])
    expect(await refuse({ filters: { cursor: 'x' } })).toEqual(['/filters/cursor'])
    expect(await refuse({ filters: { status: 7 } })).toEqual(['/filters/status'])
    expect(await refuse({ filters: { __proto__: null, constructor: 'x' } })).toEqual(['/filters/constructor'])
    expect(await refuse({ sort: 'value' })).toEqual(['/sort'])
    expect(await refuse({ sort: 'constructor' })).toEqual(['/sort'])
    expect(await refuse({ order: 'up' })).toEqual(['/order'])
    expect(await refuse({ layout: 'board' })).toEqual(['/layout'])
    expect(await refuse({ columns: ['name', 'title', 'customFields.size'] })).toEqual([
      '/columns/1',
      '/columns/2',
    ])
    expect(await refuse({ columns: ['name', 'name'] })).toEqual(['/columns'])
    expect(await refuse({ layout: 'board', sort: 'x', columns: ['x'], filters: { x: 'y' } })).toEqual([
      '/layout',
      '/sort',
      '/columns/0',
      '/filters/x',
    ])
    expect(await refuse({ entity: 'user' })).toEqual(['/entity'])
    const made = await desk.make<SavedViewView>('saved-views', {
      entity: 'customer',
      name: 'v',
      filters: { cf: ['plan:pro'], deleted: 'only' },
      columns: ['name', 'customFields.plan'],
    })
    expect(await faults(desk, 'PUT', `saved-views/${made.id}`, { entity: 'deal', name: 'v' })).toEqual([
      '/entity',
    ])
  })

  test('every kind of record has views, and their filters go into the query of its list as they are', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub, { role: 'manager' })
    const paths = { activity: 'activities' } as Record<string, string>
    for (const entity of savedViewEntities) {
      const view = await desk
        .make<SavedViewView>('saved-views', {
          entity,
          name: 'v',
          filters: { q: 'a', createdFrom: '2026-01-01T00:00:00+01:00', deleted: 'with' },
          sort: 'createdAt',
          order: 'asc',
          columns: ['id', 'createdAt'],
        })
        .catch(async () => {
          // Lists without a free text.
          return desk.make<SavedViewView>('saved-views', {
            entity,
            name: 'v',
            filters: {},
            sort: 'createdAt',
          })
        })
      const query = new URLSearchParams({ sort: view.sort ?? '' })
      for (const [name, value] of Object.entries(view.filters)) query.append(name, String(value))
      const path = paths[entity] ?? `${entity.replace('_', '-')}s`
      await desk.get(`${path}?${query}`)
    }
    expect(await names(desk)).toHaveLength(savedViewEntities.length)
  })

  test('a custom field that goes stops nobody from changing the rest of a view', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub, { role: 'manager' })
    const field = await desk.make<{ id: number }>('custom-fields', {
      entity: 'contact',
      key: 'plan',
      label: 'Plan',
      type: 'text',
    })
    const given = { filters: { cf: 'plan:pro' }, columns: ['name', 'customFields.plan'] }
    const made = await desk.make<SavedViewView>('saved-views', { entity: 'contact', name: 'v', ...given })
    await desk.call('DELETE', `custom-fields/${field.id}`)
    const path = `saved-views/${made.id}`
    const renamed = await desk.call<SavedViewView>('PATCH', path, { name: 'w', ...given })
    expect(renamed.body.data).toMatchObject({ name: 'w', ...given })
    expect(await faults(desk, 'PATCH', path, { columns: ['customFields.plan'] })).toEqual(['/columns/0'])
    expect((await desk.call('GET', 'contacts?cf=plan:pro')).status).toBe(400)
  })

  test('names of one owner and list are told apart, whatever their case', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const colleague = await openDesk(hub, { sub: 'agent-2' }, desk.api)
    const view = { entity: 'customer', name: 'Leads', shared: true }
    const { id } = await desk.make<SavedViewView>('saved-views', view)
    const again = await desk.call('POST', 'saved-views', { ...view, name: 'leads' })
    expect(again).toMatchObject({ status: 409, body: { code: 'conflict', details: { member: 'name' } } })
    await desk.make('saved-views', { ...view, entity: 'deal' })
    await colleague.make('saved-views', view)
    await desk.call('DELETE', `saved-views/${id}`)
    await desk.make('saved-views', view)
    expect((await desk.call('POST', `saved-views/${id}/restore`)).status).toBe(409)
  })
})

test('[VIEW4] somebody has SAVED_VIEWS of them, and not one more, also when two come at once', async () => {
  await using hub = await startHub({ SAVED_VIEWS: '3' })
  const desk = await openDesk(hub)
  const colleague = await openDesk(hub, { sub: 'agent-2' }, desk.api)
  const add = (name: string) => desk.call<SavedViewView>('POST', 'saved-views', { entity: 'customer', name })
  const first = await add('a')
  await add('b')
  const both = await Promise.all(['c', 'd', 'e', 'f'].map(add))
  expect(both.map(({ status }) => status).toSorted((one, two) => one - two)).toEqual([201, 409, 409, 409])
  const path = `saved-views/${first.body.data.id}`
  await desk.call('DELETE', path)
  expect((await add('g')).status).toBe(201)
  expect((await desk.call('POST', `${path}/restore`)).status).toBe(409)
  await colleague.make('saved-views', { entity: 'customer', name: 'a' })
})

test("[VIEW5] each of us chooses the view that a list begins with, on all of their screens and nobody else's", async () => {
  await using hub = await startHub()
  const desk = await openDesk(hub)
  const colleague = await openDesk(hub, { sub: 'agent-2' }, desk.api)
  const watchers = await watching(hub, desk, colleague)
  const act = <T>(work: () => Promise<T>) =>
    expectReplayEqualsSnapshot(hub, work, { api: desk.api, watchers })
  const mine = async (who: Desk) => {
    const answer = await who.get<DefaultViews>('me/default-views')
    defaultViews.parse(answer)
    return answer.data
  }
  const put = (who: Desk, entity: string, viewId: number | null) =>
    who.call('PUT', `me/default-views/${entity}`, { viewId })
  const shared = await desk.make<SavedViewView>('saved-views', { entity: 'deal', name: 'a', shared: true })
  const own = await desk.make<SavedViewView>('saved-views', { entity: 'customer', name: 'b' })
  expect(await mine(desk)).toEqual([])
  expect((await act(() => put(desk, 'deal', shared.id))).status).toBe(204)
  await act(() => put(desk, 'customer', own.id))
  await act(() => put(colleague, 'deal', shared.id))
  expect(await mine(desk)).toEqual([
    { entity: 'customer', viewId: own.id },
    { entity: 'deal', viewId: shared.id },
  ])
  expect(await mine(colleague)).toEqual([{ entity: 'deal', viewId: shared.id }])
  for (const [who, entity, id] of [
    [colleague, 'customer', own.id],
    [desk, 'contact', shared.id],
    [desk, 'deal', 9999],
  ] as const) {
    const answer = await put(who, entity, id)
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer: '/viewId' }] } })
  }
  expect((await put(desk, 'user', null)).status).toBe(404)
  await act(() => put(desk, 'deal', null))
  expect(await mine(desk)).toEqual([{ entity: 'customer', viewId: own.id }])
  const before = await desk.get<DefaultViews>('me/default-views')
  expect((await put(desk, 'deal', null)).status).toBe(204)
  expect((await desk.get<DefaultViews>('me/default-views')).position).toBe(before.position)
  // It stays chosen while its view is deleted, for it may come back.
  await act(() => desk.call('DELETE', `saved-views/${own.id}`))
  expect(await mine(desk)).toHaveLength(1)
  expect((await put(desk, 'customer', own.id)).status).toBe(400)
}, 60_000)
