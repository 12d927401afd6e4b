import { describe, expect, test } from 'vitest'
import { type CustomerView, customerView } from '../../src/contract/crm/customer.ts'
import type { TagView } from '../../src/contract/crm/tag.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type Api, startApi } from '../harness/api.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import { startRestOf } from '../harness/rest-client.ts'

interface Desk {
  readonly hub: Hub
  readonly api: Api
  readonly token: string
}

async function openDesk(hub: Hub): Promise<Desk> {
  const { token } = await hub.signIn('agent')
  return { hub, api: await startApi(hub), token }
}

async function make<View>({ api, token }: Desk, path: string, body: object): Promise<View> {
  const answer = await api.call<{ data: View }>(token, 'POST', `/admin/${path}`, body)
  expect(answer, JSON.stringify(answer.body)).toMatchObject({ status: 201 })
  return answer.body.data
}

const list = async ({ api, token }: Desk, query: string) =>
  (await api.get<{ data: CustomerView[]; nextCursor: string | null }>(token, `/admin/customers?${query}`))
    .data

describe('customers', () => {
  test('[CRM1] are made, read, changed, replaced, deleted and brought back, and everybody who looks on hears of it', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const { api, token } = desk
    const made = await expectReplayEqualsSnapshot(hub, () =>
      make<CustomerView>(desk, 'customers', {
        name: ' Acme ',
        phone: '+49 (171) 555-01',
        website: 'https://acme.example',
      }),
    )
    customerView.parse(made)
    expect(made).toMatchObject({ name: 'Acme', phone: '+4917155501', status: 'lead', tags: [], version: 1 })
    const path = `/admin/customers/${made.id}`
    expect(await api.get(token, path)).toEqual({ data: made })
    const patched = await expectReplayEqualsSnapshot(hub, () =>
      api.call<{ data: CustomerView }>(token, 'PATCH', path, { status: 'active', company: 'Acme Ltd' }),
    )
    expect(patched.body.data).toMatchObject({
      name: 'Acme',
      status: 'active',
      company: 'Acme Ltd',
      version: 2,
    })
    const replaced = await expectReplayEqualsSnapshot(hub, () =>
      api.call<{ data: CustomerView }>(token, 'PUT', path, { name: 'Acme Inc.' }),
    )
    expect(replaced.body.data).toMatchObject({
      name: 'Acme Inc.',
      status: 'lead',
      company: null,
      phone: null,
    })
    await expectReplayEqualsSnapshot(hub, () => api.call(token, 'DELETE', path))
    expect(await list(desk, '')).toEqual([])
    expect((await api.get<{ data: CustomerView }>(token, path)).data.deletedAt).not.toBeNull()
    expect((await api.call(token, 'PATCH', path, { name: 'x' })).status).toBe(404)
    await expectReplayEqualsSnapshot(hub, () => api.call(token, 'POST', `${path}/restore`))
    expect(await list(desk, '')).toMatchObject([{ id: made.id, deletedAt: null }])
  })

  test('[CRM2] a change that changes nothing leaves no trace; a lost race is told', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const rest = await startRestOf(hub)
    const { id: ownerId } = (await hub.signIn('agent')).actor
    const made = await make<CustomerView>(desk, 'customers', { name: 'Acme', ownerId })
    const path = `/admin/customers/${made.id}`
    const same = await rest.call<{ data: CustomerView }>('PATCH', path, {
      token: desk.token,
      json: { name: 'Acme', ownerId: ownerId.toUpperCase() },
    })
    expect([same.body.data.version, same.headers.get('etag')]).toEqual([1, '"1"'])
    const first = { token: desk.token, headers: { 'if-match': '"1"' } }
    expect((await rest.call('PATCH', path, { ...first, json: { name: 'B' } })).status).toBe(200)
    expect(await rest.refused('PATCH', path, { ...first, json: { name: 'C' } })).toMatchObject({
      status: 412,
      code: 'precondition_failed',
    })
    expect(await rest.refused('DELETE', path, first)).toMatchObject({ status: 412 })
  })

  test('[CRM3] every fault of an input is named at its place', async () => {
    await using hub = await startHub()
    const { token } = await openDesk(hub)
    const rest = await startRestOf(hub)
    const refused = await rest.refused('POST', '/admin/customers', {
      token,
      json: {
        name: '',
        email: 'no',
        phone: '12',
        website: 'ftp://x',
        status: 'rich',
        colour: 'red',
        ownerId: 'me',
      },
    })
    expect(refused.errors?.map(({ pointer }) => pointer).toSorted()).toEqual([
      '/colour',
      '/email',
      '/name',
      '/ownerId',
      '/phone',
      '/status',
      '/website',
    ])
    const stranger = '01a1fcee-c940-7000-9cf0-c2319d33019a'
    expect(
      await rest.refused('POST', '/admin/customers', { token, json: { name: 'x', ownerId: stranger } }),
    ).toMatchObject({ status: 400, errors: [{ pointer: '/ownerId' }] })
    expect(
      await rest.refused('POST', '/admin/customers', { token, json: { name: 'x', tags: [1] } }),
    ).toMatchObject({ status: 400, errors: [{ pointer: '/tags/0' }] })
  })

  test('[CRM4] lists are filtered, sorted and walked without a gap or a repeat', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const { actor } = await hub.signIn('agent')
    const ownerId = actor.id
    const tag = await make<TagView>(desk, 'tags', { name: 'VIP', color: '#FF0000' })
    await make(desk, 'customers', { name: 'Éloïse Łódź', phone: '+4917155501', tags: [tag.id] })
    await make(desk, 'customers', { name: 'beta', company: 'Gamma', status: 'active', ownerId })
    await make(desk, 'customers', { name: 'Alpha', email: 'a@example.com' })
    const names = async (query: string) => (await list(desk, query)).map(({ name }) => name)
    expect(await names('')).toEqual(['Alpha', 'beta', 'Éloïse Łódź'])
    expect(await names('sort=name')).toEqual(['Alpha', 'beta', 'Éloïse Łódź'])
    expect(await names('sort=name&order=desc')).toEqual(['Éloïse Łódź', 'beta', 'Alpha'])
    expect(await names('q=eloise%20lodz')).toEqual(['Éloïse Łódź'])
    expect(await names('q=171-555')).toEqual(['Éloïse Łódź'])
    expect(await names('q=(171)%20555')).toEqual(['Éloïse Łódź'])
    expect(await names(`tag=${tag.id}`)).toEqual(['Éloïse Łódź'])
    expect(await names('status=active&ownerId=me')).toEqual(['beta'])
    expect(await names('ownerId=none')).toEqual(['Alpha', 'Éloïse Łódź'])
    expect(await names('createdFrom=2100-01-01T00:00:00Z')).toEqual([])
    for (const sort of ['name', 'createdAt', 'updatedAt']) {
      const walked: string[] = []
      for (let cursor = ''; ; ) {
        const page = await desk.api.get<{ data: CustomerView[]; nextCursor: string | null }>(
          desk.token,
          `/admin/customers?limit=1&sort=${sort}${cursor}`,
        )
        walked.push(...page.data.map(({ name }) => name))
        if (page.nextCursor === null) break
        cursor = `&cursor=${page.nextCursor}`
      }
      expect(walked.toSorted()).toEqual(['Alpha', 'beta', 'Éloïse Łódź'].toSorted())
    }
  })

  test('[CRM5] tags are put on and taken off once; a deleted tag stays where it is and is given to nobody', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const { api, token } = desk
    const tag = await make<TagView>(desk, 'tags', { name: 'VIP' })
    expect(await api.call(token, 'POST', '/admin/tags', { name: 'vip' })).toMatchObject({ status: 409 })
    const made = await make<CustomerView>(desk, 'customers', { name: 'Acme' })
    const path = `/admin/customers/${made.id}/tags/${tag.id}`
    const on = () => api.call<{ data: CustomerView }>(token, 'POST', path)
    expect((await expectReplayEqualsSnapshot(hub, on)).body.data).toMatchObject({
      tags: [tag.id],
      version: 2,
    })
    expect((await on()).body.data.version).toBe(2)
    const off = () => api.call<{ data: CustomerView }>(token, 'DELETE', path)
    expect((await off()).body.data).toMatchObject({ tags: [], version: 3 })
    expect((await api.call(token, 'POST', `/admin/customers/${made.id}/tags/99`)).status).toBe(404)

    // The tag goes and comes back with its own events alone: its customers have no new version.
    await on()
    const read = async () => {
      const answer = await api.call<{ data: CustomerView }>(token, 'GET', `/admin/customers/${made.id}`)
      return [answer.body.data.tags, answer.body.data.version]
    }
    expect(await read()).toEqual([[tag.id], 4])
    const goes = () => api.call(token, 'DELETE', `/admin/tags/${tag.id}`)
    expect((await expectReplayEqualsSnapshot(hub, goes)).status).toBeLessThan(300)
    expect(await read()).toEqual([[tag.id], 4])
    // Who writes back what they read changes nothing; nobody else gets it.
    const write = (id: number) => api.call(token, 'PATCH', `/admin/customers/${id}`, { tags: [tag.id] })
    expect(await write(made.id)).toMatchObject({
      status: 200,
      body: { data: { tags: [tag.id], version: 4 } },
    })
    const other = await make<CustomerView>(desk, 'customers', { name: 'Other' })
    expect(await write(other.id)).toMatchObject({ status: 400, body: { errors: [{ pointer: '/tags/0' }] } })
    const returns = () => api.call(token, 'POST', `/admin/tags/${tag.id}/restore`)
    expect((await expectReplayEqualsSnapshot(hub, returns)).status).toBe(200)
    expect(await read()).toEqual([[tag.id], 4])
  })

  test('[CRM6] viewers read and do not write; another tenant sees nothing of it', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const made = await make<CustomerView>(desk, 'customers', { name: 'Acme' })
    const path = `/admin/customers/${made.id}`
    const viewer = hub.token('viewer')
    expect((await desk.api.call(viewer, 'GET', path)).status).toBe(200)
    for (const method of ['PATCH', 'DELETE'])
      expect(
        (await desk.api.call(viewer, method, path, method === 'PATCH' ? { name: 'x' } : undefined)).status,
      ).toBe(403)
    const other = await hub.addTenant()
    const stranger = hub.token('admin', { tenant: other.slug })
    for (const [method, at] of [
      ['GET', path],
      ['DELETE', path],
      ['POST', `${path}/restore`],
    ] as const)
      expect((await desk.api.call(stranger, method, at)).status).toBe(404)
    expect(await desk.api.get(stranger, '/admin/customers')).toMatchObject({ data: [] })
  })
})
