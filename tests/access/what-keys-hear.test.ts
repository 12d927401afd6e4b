import { expect, test } from 'vitest'
import type { SyncAnswer } from '../../src/contract/rest/sync.ts'
import { formatPosition } from '../../src/contract/position.ts'
import { readHead } from '../../src/log/read.ts'
import { startGatewayHub } from '../gateway/setup.ts'
import { eventually } from '../harness/eventually.ts'
import { startRestOf } from '../harness/rest-client.ts'

test('[RGT21] addresses and teams are told to keys that read users, numbers to those that read channels: live, when they come back, and at the start', async () => {
  // Nobody listens there: the look at a new number fails at once and changes nothing.
  await using hub = await startGatewayHub({
    GRAPH_API_URL: 'http://127.0.0.1:1/v23.0',
    SOCKET_WATERMARK_MS: '200',
  })
  const rest = await startRestOf(hub)
  const token = hub.token('admin')
  const send = async <T = { id: string }>(method: string, path: string, json: object) => {
    const answer = await rest.call<{ data: T }>(method, path, { token, json })
    expect([200, 201], answer.text).toContain(answer.status)
    return answer.body.data
  }
  const scopes = {
    records: ['record.read'],
    people: ['user.read'],
    numbers: ['channel.read'],
    talk: [],
    all: ['record.read', 'user.read', 'channel.read'],
  }
  const keys = new Map<string, string>()
  for (const [name, list] of Object.entries(scopes)) {
    // Snapshots and events over REST take this one.
    const json = { name, role: 'manager', scopes: [...list, 'conversation.read'] }
    keys.set(name, (await send<{ key: string }>('POST', '/admin/api-keys', json)).key)
  }
  const start = formatPosition(await readHead(hub.deps, hub.tenant.id))
  const live = new Map([...keys].map(([name, key]) => [name, hub.connect({ token: key })]))
  for (const client of live.values()) await client.next('caught-up')

  const address = 'secret.person@example.com'
  const { id } = await send('POST', '/admin/users', { email: address, role: 'agent', name: 'Somebody' })
  await send('PATCH', `/admin/users/${id}`, { name: 'Somebody else' })
  const team = await send('POST', '/admin/teams', { name: 'night', memberIds: [id] })
  await send('PATCH', `/admin/teams/${team.id}`, { memberIds: [] })
  await send('POST', `/admin/users/${id}/disable`, {})
  await send('POST', '/api/v1/channels', {
    provider: 'whatsapp-cloud',
    name: 'a number',
    phoneNumberId: '300001',
    wabaId: '1',
    displayPhoneNumber: '1',
    accessToken: 'a',
    appSecret: 'b',
    verifyToken: 'c',
  })
  await send('POST', '/admin/tags', { name: 'a tag' })

  const ofPeople = ['user.joined', 'user.updated', 'team.created', 'team.updated', 'user.disabled']
  const heard: Record<string, string[]> = {
    records: ['tag.created'],
    people: ofPeople,
    numbers: ['channel.created'],
    talk: [],
    all: [...ofPeople, 'channel.created', 'tag.created'],
  }
  const head = formatPosition(await readHead(hub.deps, hub.tenant.id))
  for (const [name, key] of keys) {
    const client = live.get(name)
    await eventually(() => expect(client?.position, name).toBe(head))
    const back = hub.connect({ token: key, position: start })
    await back.next('caught-up')
    const replay = await rest.call<{ data: { type: string }[] }>('GET', `/api/v1/events?after=${start}`, {
      token: key,
    })
    const wanted = heard[name] ?? []
    const types = (events: readonly { name: string }[] = []) => events.map((event) => event.name)
    expect(types(back.facts), `${name}, who came back`).toEqual(wanted)
    expect(types(client?.facts), `${name}, live`).toEqual(wanted)
    expect(
      replay.body.data.map(({ type }) => type),
      `${name}, over REST`,
    ).toEqual(wanted)
    const sync = await rest.call<SyncAnswer>('GET', '/api/v1/sync', { token: key })
    const readsPeople = name === 'people' || name === 'all'
    if (!readsPeople)
      for (const text of [JSON.stringify([client?.heard, back.heard]), replay.text, sync.text])
        expect(text, name).not.toContain(address)
    expect(sync.body.users.length > 0, name).toBe(readsPeople)
    expect(sync.body.teams.length > 0, name).toBe(readsPeople)
    expect(sync.body.channels.length > 0, name).toBe(name === 'numbers' || name === 'all')
  }
})
