import { expect, test } from 'vitest'
import { startGateway } from '../../gateway/server.ts'
import { commandHandlers } from '../../src/command-handlers.ts'
import { commands, ephemeralCommands } from '../../src/contract/socket.ts'
import { readHead } from '../../src/log/read.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { asSuperuser } from '../cli/cli.ts'
import { operations } from '../harness/documents.ts'
import { startHub } from '../harness/hub.ts'
import { connectNumber } from '../harness/number.ts'
import { startRestOf } from '../harness/rest-client.ts'
import { TestClient } from '../harness/socket-client.ts'
import { commandActions, reachOf } from './every-cell-table.ts'
import { buildWorld, type World } from './every-cell-world.ts'

async function open() {
  const most = '1000000'
  const hub = await startHub({
    SOCKET_COMMANDS_PER_SECOND: most,
    SOCKET_COMMANDS_BURST: most,
    SOCKET_USER_COMMANDS_PER_SECOND: most,
    SOCKET_TENANT_COMMANDS_PER_SECOND: most,
    REST_RATE_PER_MINUTE: most,
    REST_IP_RATE_PER_MINUTE: most,
  })
  const rest = await startRestOf(hub)
  const number = await connectNumber(hub)
  const own = await buildWorld(hub, rest, number, hub.tenant)
  const other = await buildWorld(hub, rest, number, await hub.addTenant())
  const gateway = await startGateway(hub.deps, { handlers: commandHandlers })
  hub.onClose(() => gateway.close())
  const connect = async (token: string): Promise<TestClient> => {
    const client = new TestClient({ port: gateway.port, token })
    hub.onClose(() => Promise.resolve(client.close()))
    await client.next('caught-up')
    return client
  }
  return { hub, rest, own, other, connect }
}

const list = (command: string): string =>
  command === 'deal.move'
    ? '/admin/deals'
    : command.startsWith('activity.')
      ? '/admin/activities'
      : '/api/v1/conversations'

/** What a command needs beside the id of its thing. */
const rest: Readonly<Record<string, (own: World) => object>> = {
  'message.send': () => ({ clientMessageId: uuidv7(), type: 'text', text: 'x' }),
  'message.react': (own) => ({ messageId: own.messageId, emoji: '👍', clientMessageId: uuidv7() }),
  'note.add': () => ({ body: 'x' }),
  'conversation.read': () => ({ seq: 1 }),
  'conversation.assign': () => ({ userId: null, teamId: null }),
  'conversation.set-status': () => ({ status: 'open' }),
  'conversation.snooze': () => ({ snoozedUntil: '2099-01-01T00:00:00.000Z' }),
  'conversation.label': () => ({ add: ['x'] }),
  'deal.move': (own) => ({ stageId: own.near['/admin/pipeline-stages'] }),
  typing: () => ({ typing: true }),
}
const idMember: Readonly<Record<string, string>> = {
  '/admin/deals': 'dealId',
  '/admin/activities': 'activityId',
  '/api/v1/conversations': 'conversationId',
}
/** About the session itself, or about a room that one leaves; they name nothing that has to be there. */
const aboutNothing = new Set(['session.renew', 'presence.set', 'conversation.leave'])
const named = Object.keys({ ...commands, ...ephemeralCommands }).filter((name) => !aboutNothing.has(name))

test('[RGT15] S12 an ack says of what is another tenant’s, or out of sight, what it says of what nobody has', async () => {
  const { own, other, connect, ...opened } = await open()
  await using _ = opened.hub
  const client = await connect(own.agent.token)
  for (const name of named) {
    const [at, member] = [list(name), idMember[list(name)] ?? '']
    const told = async (id: unknown): Promise<string> => {
      const ack = await client.send(name, { ...rest[name]?.(own), [member]: id })
      expect(ack.ok, `${name} ${id}`).toBe(false)
      return JSON.stringify(ack).replaceAll(String(id), '*')
    }
    const nowhere = await told(typeof own.near[at] === 'number' ? 2_000_000_000 : uuidv7())
    expect(JSON.parse(nowhere), `${name} ${nowhere}`).toMatchObject({ error: { code: 'not_found' } })
    expect(await told(other.near[at]), name).toBe(nowhere)
    // CON3: whoever could have claimed it is told who did.
    for (const [far, ids] of own.far.entries())
      if (ids[at] !== undefined && !(name === 'conversation.claim' && far === 2))
        expect(await told(ids[at]), `${name}, far ${far}`).toBe(nowhere)
  }
}, 60_000)

test('[RGT15] S12 what is another tenant’s, or out of sight, takes as long to refuse as what nobody has', async () => {
  const { own, other, ...opened } = await open()
  await using _ = opened.hub
  const rest = opened.rest
  const [far] = own.far
  const medians: Record<string, Record<string, number>> = {}
  for (const at of [
    '/api/v1/conversations',
    '/api/v1/media',
    '/admin/contacts',
    '/admin/deals',
    '/admin/activities',
    '/admin/notes',
  ]) {
    const nobody = typeof own.near[at] === 'number' ? 2_000_000_000 : uuidv7()
    const ids = { foreign: other.near[at], hidden: far?.[at], nowhere: nobody }
    const took: Record<string, number[]> = { foreign: [], hidden: [], nowhere: [] }
    // By turns, so that what else the machine does meets all of them.
    for (let turn = 0; turn < 21; turn++)
      for (const [kind, id] of Object.entries(ids)) {
        const begun = performance.now()
        const { status } = await rest.call('GET', `${at}/${id}`, { token: own.agent.token })
        took[kind]?.push(performance.now() - begun)
        expect([status, kind, at]).toEqual([404, kind, at])
      }
    medians[at] = Object.fromEntries(
      Object.entries(took).map(([kind, times]) => [kind, times.toSorted((a, b) => a - b)[10] ?? 0]),
    )
  }
  for (const [at, { foreign = 0, hidden = 0, nowhere = 0 }] of Object.entries(medians))
    for (const time of [foreign, hidden])
      expect(Math.abs(time - nowhere), `${at} ${time} ${nowhere}`).toBeLessThan(10)
}, 60_000)

test('[GW16] S12 who is there, looks on or writes is told to nobody of another tenant', async () => {
  const { own, other, connect, ...opened } = await open()
  await using _ = opened.hub
  const [here, there] = [await connect(own.admin.token), await connect(other.admin.token)]
  const colleague = await connect(own.agent.token)
  await colleague.send('presence.set', { state: 'busy' })
  await here.next('presence', ({ userId, state }) => userId === own.agent.actor.id && state === 'busy')
  const conversationId = own.near['/api/v1/conversations']
  for (const one of [here, colleague])
    expect(await one.send('conversation.view', { conversationId })).toMatchObject({ ok: true })
  expect(await there.send('conversation.view', { conversationId })).toMatchObject({
    error: { code: 'not_found' },
  })
  await colleague.send('typing', { conversationId, typing: true })
  await here.next('typing')
  const listed = await there.send<{ users: { userId: string }[] }>('presence.set', { state: 'away' })
  expect(listed).toMatchObject({ ok: true, data: { users: [{ userId: other.admin.actor.id }] } })
  const ours = new Set<unknown>([own.admin.actor.id, own.agent.actor.id])
  for (const name of ['presence', 'viewing', 'typing'])
    expect(
      there.of(name).filter(({ userId }) => ours.has(userId)),
      name,
    ).toEqual([])
}, 60_000)

test('[RGT15] S13 who only reads writes nothing, by any operation or command, save the views of their own', async () => {
  const { hub, rest: server, own, connect } = await open()
  await using _ = hub
  const token = own.tokens.viewer ?? ''
  const client = await connect(token)
  const trail = () =>
    asSuperuser(hub, async (query) => {
      const { rows } = await query('select count(*)::int as count from audit_logs where tenant_id = $1', [
        hub.tenant.id,
      ])
      return (rows as { count: number }[])[0]?.count
    })
  const before = [await readHead(hub.deps, hub.tenant.id), await trail()]
  let asked = 0
  for (const { method, path, action } of operations) {
    const actions = [action].flat()
    if (method === 'get' || actions.some((one) => ['public', 'view.write', 'signed-in'].includes(one)))
      continue
    expect(
      actions.map((one) => reachOf('viewer', one)),
      `${method} ${path}`,
    ).toEqual(actions.map(() => 'no'))
    const at = path.replaceAll(/\{(\w+)\}/g, (_match, name: string, place: number) =>
      String(own.near[name === 'tagId' ? '/admin/tags' : path.slice(0, place - 1)]),
    )
    const { status, text } = await server.call(method.toUpperCase(), at, { token, json: {} })
    expect([method, path, status], text).toEqual([method, path, 403])
    asked += 1
  }
  for (const name of named) {
    if (reachOf('viewer', commandActions[name] ?? '') !== 'no') continue
    const id = { [idMember[list(name)] ?? '']: own.near[list(name)] }
    const ack = await client.send(name, { ...rest[name]?.(own), ...id })
    expect(ack, `${name} ${JSON.stringify(ack)}`).toMatchObject({ ok: false, error: { code: 'forbidden' } })
    asked += 1
  }
  expect([await readHead(hub.deps, hub.tenant.id), await trail()]).toEqual(before)
  expect(asked).toBeGreaterThan(90)
}, 60_000)
