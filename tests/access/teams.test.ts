import { expect, test } from 'vitest'
import { type TeamView, teamView } from '../../src/contract/access.ts'
import type { ConversationView } from '../../src/contract/conversation.ts'
import { asSuperuser } from '../cli/cli.ts'
import { buildChannel, buildConversation } from '../harness/crowd.ts'
import { startHub } from '../harness/hub.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'

interface One<T> {
  data: T
}

async function begin(more: Record<string, string> = {}) {
  const hub = await startHub(more)
  const rest = await startRestOf(hub)
  const admin = (await hub.signIn('admin')).token
  const make = async (name: string, memberIds: string[] = []): Promise<TeamView> => {
    const { status, body } = await rest.call<One<TeamView>>('POST', '/admin/teams', {
      token: admin,
      json: { name, memberIds },
    })
    expect(status).toBe(201)
    return teamView.parse(body.data)
  }
  return { hub, rest, admin, make }
}

const assign = (rest: RestClient, token: string, id: string, json: object) =>
  rest.call<One<ConversationView>>('POST', `/api/v1/conversations/${id}/assign`, { token, json })

test('[RGT7] a team is made, renamed, given members and taken away, each with its event and its row in the trail', async () => {
  const { hub, rest, admin, make } = await begin()
  await using _ = hub
  const [ana, ben] = [await hub.signIn('agent', { sub: 'ana' }), await hub.signIn('agent', { sub: 'ben' })]
  const team = await make('Sales', [ana.actor.id])
  const path = `/admin/teams/${team.id}`
  const etag = { 'if-match': `"${team.version}"` }
  const patch = (json: object, headers = {}) =>
    rest.call<One<TeamView>>('PATCH', path, { token: admin, json, headers })
  const changed = await patch({ name: 'Support', memberIds: [ben.actor.id, ben.actor.id] }, etag)
  expect(changed.body.data).toMatchObject({ name: 'Support', memberIds: [ben.actor.id], version: 2 })
  expect((await patch({ name: 'Late' }, etag)).status).toBe(412)
  expect((await patch({ name: 'Support' })).body.data.version).toBe(2)
  expect((await patch({ memberIds: [crypto.randomUUID()] })).status).toBe(400)
  const list = await rest.call<{ data: TeamView[] }>('GET', '/admin/teams', { token: ana.token })
  expect(list.body.data).toEqual([changed.body.data])
  expect((await rest.call('DELETE', path, { token: admin })).status).toBe(204)
  expect((await rest.call('GET', path, { token: admin })).status).toBe(404)
  const { rows } = await asSuperuser(hub, (query) =>
    query(
      `select type, payload->'joined' as joined, payload->'left' as gone from events where type like 'team.%' order by seq`,
    ),
  )
  expect(rows).toEqual([
    { type: 'team.created', joined: [ana.actor.id], gone: [] },
    { type: 'team.updated', joined: [ben.actor.id], gone: [ana.actor.id] },
    { type: 'team.deleted', joined: [], gone: [ben.actor.id] },
  ])
  const trail = await asSuperuser(hub, (query) =>
    query(`select action from audit_logs where entity = 'team' order by number`),
  )
  expect(trail.rows.map(({ action }) => action)).toEqual(['team.create', 'team.update', 'team.delete'])
  for (const role of ['viewer', 'agent', 'manager'] as const)
    for (const [method, place, json] of [
      ['POST', '/admin/teams', { name: 'x' }],
      ['PATCH', path, { name: 'x' }],
      ['DELETE', path, undefined],
    ] as const) {
      const token = hub.token(role, { sub: `nosy-${role}` })
      expect((await rest.call(method, place, { token, ...(json && { json }) })).status).toBe(403)
    }
})

test('[RGT7] a name is given once, pages follow one another, and there are as many teams as allowed', async () => {
  const { hub, rest, admin, make } = await begin({ TENANT_TEAMS: '3' })
  await using _ = hub
  for (const name of ['B', 'A', 'C']) await make(name)
  expect(await rest.refused('POST', '/admin/teams', { token: admin, json: { name: 'D' } })).toMatchObject({
    code: 'limit_reached',
    details: { of: 'teams', limit: 3 },
  })
  const names: string[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: { body: { data: TeamView[]; nextCursor: string | null } } = await rest.call(
      'GET',
      `/admin/teams?limit=2${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
      { token: admin },
    )
    names.push(...page.body.data.map(({ name }) => name))
    cursor = page.body.nextCursor
  }
  expect(names).toEqual(['A', 'B', 'C'])
  const [first] = (await rest.call<{ data: TeamView[] }>('GET', '/admin/teams', { token: admin })).body.data
  const clash = { token: admin, json: { name: 'B' } }
  expect(await rest.refused('PATCH', `/admin/teams/${first?.id}`, clash)).toMatchObject({
    code: 'conflict',
    details: { member: 'name' },
  })
})

test('[RGT7] the conversations of a team that is taken away go to another one or to nobody, and too many are not moved', async () => {
  const { hub, rest, admin, make } = await begin({ CONVERSATIONS_PER_TEAM_MOVE: '2' })
  await using _ = hub
  const ana = await hub.signIn('agent', { sub: 'ana' })
  const [old, next] = [await make('Old'), await make('Next', [ana.actor.id])]
  const channel = await buildChannel(hub)
  const ids = await Promise.all([1, 2, 3].map(async () => (await buildConversation(hub, channel)).id))
  for (const id of ids) await assign(rest, admin, id, { teamId: old.id })
  const remove = (query = '') => rest.call('DELETE', `/admin/teams/${old.id}${query}`, { token: admin })
  expect((await remove()).status).toBe(409)
  await assign(rest, admin, ids[0] ?? '', { teamId: null })
  expect((await remove(`?moveTo=${old.id}`)).status).toBe(400)
  expect((await remove(`?moveTo=${crypto.randomUUID()}`)).status).toBe(400)
  const seen = async () =>
    (await rest.call<{ data: { id: string }[] }>('GET', '/api/v1/conversations', { token: ana.token })).body
      .data.length
  expect(await seen()).toBe(1)
  expect((await remove(`?moveTo=${next.id}`)).status).toBe(204)
  expect(await seen()).toBe(3)
  expect((await rest.call('DELETE', `/admin/teams/${next.id}`, { token: admin })).status).toBe(204)
  const all = await rest.call<{ data: ConversationView[] }>('GET', '/api/v1/conversations', { token: admin })
  expect(all.body.data.map(({ team }) => team)).toEqual([null, null, null])
})
