import { expect, test } from 'vitest'
import { z } from 'zod'
import { startGateway } from '../../gateway/server.ts'
import { commandHandlers } from '../../src/command-handlers.ts'
import { catalogue, type EventData, type EventType } from '../../src/contract/events/catalogue.ts'
import { commands, ephemeralCommands } from '../../src/contract/socket.ts'
import { formatPosition } from '../../src/contract/position.ts'
import { readHead } from '../../src/log/read.ts'
import { readersOfChannels, readersOfUsers, type Scope } from '../../src/log/scope.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { type Schema, validValue } from '../documents/schema-values.ts'
import { eventually } from '../harness/eventually.ts'
import { startHub } from '../harness/hub.ts'
import { connectNumber } from '../harness/number.ts'
import { seededRandom, stormSeed } from '../harness/random.ts'
import { startRestOf } from '../harness/rest-client.ts'
import { TestClient } from '../harness/socket-client.ts'
import {
  type Caller,
  cell,
  commandActions,
  exceptions,
  type Place,
  reachOf,
  subjectsOf,
} from './every-cell-table.ts'
import { buildWorld, recordedTypes, type World } from './every-cell-world.ts'

/** Everybody who listens: the callers of the table, an agent who sees what is far, and an admin of another tenant. */
type Listener = Exclude<Caller, 'none'> | 'insider' | 'stranger'
const listeners = ['admin', 'manager', 'agent', 'viewer', 'key', 'narrow', 'insider', 'stranger'] as const

async function open() {
  const most = '1000000'
  const hub = await startHub({
    SOCKET_COMMANDS_PER_SECOND: most,
    SOCKET_COMMANDS_BURST: most,
    SOCKET_USER_COMMANDS_PER_SECOND: most,
    SOCKET_TENANT_COMMANDS_PER_SECOND: most,
    REST_RATE_PER_MINUTE: most,
    REST_IP_RATE_PER_MINUTE: most,
    SOCKET_WATERMARK_MS: '200',
  })
  const rest = await startRestOf(hub)
  const number = await connectNumber(hub)
  const own = await buildWorld(hub, rest, number, hub.tenant)
  const other = await buildWorld(hub, rest, number, await hub.addTenant())
  const { port } = await startGateway(hub.deps, { handlers: commandHandlers }).then((gateway) => {
    hub.onClose(() => gateway.close())
    return gateway
  })
  const tokenOf = (who: Listener) =>
    (who === 'insider' ? own.insider.token : who === 'stranger' ? other.admin.token : own.tokens[who]) ?? ''
  const connect = async (who: Listener, position?: string): Promise<TestClient> => {
    const client = new TestClient({ port, token: tokenOf(who), ...(position && { position }) })
    hub.onClose(() => Promise.resolve(client.close()))
    await client.next('caught-up')
    return client
  }
  return { hub, rest, own, other, port, connect }
}

/** What an event is about, where that is, and who hears of it by the table. */
interface Case {
  readonly scope: Scope
  readonly hears: (who: Listener) => boolean
}

function casesOf(subject: string, own: World): Case[] {
  const [agentId, insiderId] = [own.agent.actor.id, own.insider.actor.id]
  const reach = (who: Listener, action: string) =>
    who === 'stranger' ? 'no' : reachOf(who === 'insider' ? 'agent' : who, action)
  /** Near and far are the agent's; the insider is the agent for whom both are near. */
  const reads = (action: string, place: 'near' | 'far') => (who: Listener) =>
    reach(who, action) === 'all' || (reach(who, action) === 'near' && (place === 'near' || who === 'insider'))
  const only = (wanted: Listener) => (who: Listener) => who === wanted
  const never = () => false
  const owned = (action: 'deal.read' | 'activity.read' | 'import.read'): Case[] => [
    { scope: { kind: 'owned', action, ownerId: null }, hears: reads(action, 'near') },
    { scope: { kind: 'owned', action, ownerId: insiderId }, hears: reads(action, 'far') },
    ...[{ contactId: own.closedContact }, { channelIds: [own.closedChannel] }].map(
      (subject): Case => ({
        scope: { kind: 'owned', action, ownerId: null, ...subject },
        hears: reads(action, 'far'),
      }),
    ),
    {
      scope: {
        kind: 'owned',
        action,
        ownerId: null,
        contactId: Number(own.near['/admin/contacts']),
        channelIds: [own.openChannel],
      },
      hears: reads(action, 'near'),
    },
    // What is theirs is theirs, whatever it is about.
    {
      scope: { kind: 'owned', action, ownerId: agentId, contactId: own.closedContact },
      hears: (who) => who !== 'insider' && reads(action, 'near')(who),
    },
  ]
  const lost = (action: 'deal.read' | 'activity.read'): Case[] => [
    { scope: { kind: 'lost-owned', action, before: agentId, after: insiderId }, hears: only('agent') },
    { scope: { kind: 'lost-owned', action, before: null, after: agentId }, hears: only('insider') },
    { scope: { kind: 'lost-owned', action, before: insiderId, after: null }, hears: never },
    {
      scope: { kind: 'lost-owned', action, before: null, after: null, channelIds: [own.closedChannel] },
      hears: only('agent'),
    },
    {
      scope: { kind: 'lost-owned', action, before: agentId, after: null, contactId: own.closedContact },
      hears: only('agent'),
    },
    // Who did not see it before has nothing to forget.
    {
      scope: {
        kind: 'lost-owned',
        action,
        before: null,
        was: { contact: { channelIds: [own.closedChannel] }, channelIds: [] },
        after: insiderId,
      },
      hears: never,
    },
  ]
  const conversations = [own.near, ...own.far.slice(0, 3)].map((ids) => String(ids['/api/v1/conversations']))
  const contacts = [Number(own.near['/admin/contacts']), own.closedContact]
  const before = { channelId: own.openChannel, assigneeId: null, teamId: null }
  switch (subject) {
    case 'conversation':
      return conversations.map((conversationId, place) => ({
        scope: { kind: 'conversation', conversationId },
        // The insider works on the closed number and is in the team; the last is theirs.
        hears: reads('conversation.read', place === 0 ? 'near' : 'far'),
      }))
    case 'lost-conversation':
      return conversations.map((conversationId, place) => ({
        scope: { kind: 'lost-sight', conversationId, before },
        hears: place === 0 ? never : only('agent'),
      }))
    case 'contact':
      return contacts.map((contactId, place) => ({
        scope: { kind: 'contact', contactId },
        hears: reads('record.read', place === 0 ? 'near' : 'far'),
      }))
    case 'lost-contact':
      return contacts.map((contactId, place) => ({
        scope: { kind: 'lost-contact', contactId },
        hears: place === 0 ? never : only('agent'),
      }))
    case 'deal':
      return owned('deal.read')
    case 'activity':
      return owned('activity.read')
    case 'import':
      return [
        {
          scope: { kind: 'owned', action: 'import.read', ownerId: agentId },
          hears: (who) => who !== 'insider' && reads('import.read', 'near')(who),
        },
        {
          scope: { kind: 'owned', action: 'import.read', ownerId: insiderId },
          hears: reads('import.read', 'far'),
        },
      ]
    case 'lost-deal':
      return lost('deal.read')
    case 'lost-activity':
      return lost('activity.read')
    case 'user':
      return [
        { scope: { kind: 'user', userId: agentId }, hears: only('agent') },
        { scope: { kind: 'user', userId: insiderId }, hears: only('insider') },
      ]
    case 'admins':
      return [{ scope: { kind: 'admins' }, hears: (who) => reach(who, 'key.manage') === 'all' }]
    case 'tenant':
      return [{ scope: { kind: 'tenant' }, hears: (who) => reach(who, 'record.read') !== 'no' }]
    case 'users':
      return [{ scope: readersOfUsers, hears: (who) => reach(who, 'user.read') !== 'no' }]
    case 'channels':
      return [{ scope: readersOfChannels, hears: (who) => reach(who, 'channel.read') !== 'no' }]
    default:
      throw new Error(`no case for ${subject}`)
  }
}

/** A schema whose types are one word each: of `string` or `null` the first. */
function schemaOf(shape: z.ZodType, io: 'input' | 'output'): Schema {
  const text = JSON.stringify(z.toJSONSchema(shape, { io, unrepresentable: 'any' }))
  return JSON.parse(text, (key, value) => (key === 'type' && Array.isArray(value) ? value[0] : value))
}

/** Whom a number is open to stays: who is shut out of one starts anew (GW11), and is given nothing that was before. */
const unmoved: Readonly<Record<string, readonly unknown[]>> = {
  members: [{ now: { membersOnly: true, memberIds: [] }, before: { membersOnly: true, memberIds: [] } }],
}

test('[RGT16] every event is heard by exactly those who may, live and when they come back', async () => {
  const { own, connect, ...opened } = await open()
  await using hub = opened.hub
  const random = seededRandom(stormSeed('every event'))
  const start = formatPosition(await readHead(hub.deps, hub.tenant.id))
  const live = new Map<Listener, TestClient>()
  for (const who of listeners) live.set(who, await connect(who))

  const expected = new Map<Listener, string[]>(listeners.map((who) => [who, []]))
  for (const { type, data } of catalogue) {
    const schema = schemaOf(data, 'output')
    for (const subject of subjectsOf(type))
      for (const { scope, hears } of casesOf(subject, own)) {
        const value = validValue(schema, { random, density: 0.5, known: (member) => unmoved[member] ?? [] })
        await inTenant(hub.deps, hub.tenant.id, async (tx) =>
          tx.record(type as EventType, value as EventData<EventType>, scope),
        )
        const { seq } = await readHead(hub.deps, hub.tenant.id)
        for (const who of listeners) if (hears(who)) expected.get(who)?.push(`${type} ${subject} ${seq}`)
      }
  }
  // Everybody was told of all of them, or of how far the log is.
  const head = formatPosition(await readHead(hub.deps, hub.tenant.id))
  const told = (client: TestClient) => client.facts.map(({ name, payload }) => `${name} ${payload.seq}`)
  const wanted = (who: Listener) =>
    expected.get(who)?.map((line) =>
      line
        .split(' ')
        .filter((_, place) => place !== 1)
        .join(' '),
    )
  for (const who of listeners) {
    const client = live.get(who)
    if (client && who !== 'stranger') await eventually(() => expect(client.position, who).toBe(head))
    expect(client && told(client), `${who}, live`).toEqual(wanted(who))
    if (who === 'stranger') continue
    const back = await connect(who, start)
    expect(told(back), `${who}, who came back`).toEqual(wanted(who))
    back.close()
  }
  // A rule that tells everybody everything, or nothing, would pass for some of them.
  expect(new Set([...expected.values()].map(({ length }) => length)).size).toBeGreaterThan(5)
}, 120_000)

test('[RGT15] every command: everybody, everywhere; what they record is meant for those of the table', async () => {
  const { own, other, port, connect, ...opened } = await open()
  await using hub = opened.hub
  const random = seededRandom(stormSeed('every command'))
  const all = { ...commands, ...ephemeralCommands }
  expect(Object.keys(commandActions).sort()).toEqual(Object.keys(all).sort())

  const nameless = new TestClient({ port })
  expect(await nameless.next('connect_error')).toMatchObject({ code: 'unauthorized' })
  nameless.close()

  for (const caller of ['viewer', 'narrow', 'agent', 'manager', 'key', 'admin'] as const) {
    const client = await connect(caller)
    for (const [name, input] of Object.entries(all)) {
      if (name === 'session.renew') continue
      const action = commandActions[name] ?? ''
      const places: [Place, World['near'], number][] = [
        ['other-tenant', other.near, 0],
        ...own.far.map((ids, far): [Place, World['near'], number] => ['far', ids, far]),
        ['near', own.near, -1],
      ]
      for (const [place, ids, far] of places) {
        const list =
          name === 'deal.move'
            ? '/admin/deals'
            : name.startsWith('activity.')
              ? '/admin/activities'
              : '/api/v1/conversations'
        if (ids[list] === undefined || (action === 'signed-in' && place !== 'near')) continue
        const things: Readonly<Record<string, unknown>> = {
          conversationId: ids[list],
          dealId: ids[list],
          activityId: ids[list],
          stageId: own.near['/admin/pipeline-stages'],
          messageId: own.messageId,
          userId: own.agent.actor.id,
          teamId: own.near['/admin/teams'],
          type: 'text',
          text: 'hello',
          clientMessageId: uuidv7(),
          body: 'hm',
          emoji: '👍',
          snoozedUntil: '2099-01-01T00:00:00.000Z',
        }
        const schema = schemaOf(input, 'input')
        const required = {
          ...schema,
          properties: Object.fromEntries(
            Object.entries(schema.properties ?? {}).filter(
              ([member]) =>
                schema.required?.includes(member) || (member === 'text' && name === 'message.send'),
            ),
          ),
        }
        const draft = validValue(required, {
          random,
          density: 1,
          known: (member) => (member in things ? [things[member]] : []),
        })
        const ack = await client.send(
          name,
          name === 'message.send' ? { ...(draft as object), type: 'text' } : draft,
        )
        const where = `${name} by ${caller}, ${place} ${far}: ${JSON.stringify(ack).slice(0, 300)}`
        const wanted = exceptions(name, caller, far) ?? cell(caller, [action], place)
        const code = ack.ok ? 'ok' : ack.error.code
        if (wanted === 'in')
          expect(['forbidden', 'not_found', 'unauthorized', 'internal'], where).not.toContain(code)
        // Who may never do it is told either, whether or not there is such a thing.
        else if (wanted === 403 && place !== 'near') expect(['forbidden', 'not_found'], where).toContain(code)
        else
          expect(code, where).toBe(
            { 401: 'unauthorized', 403: 'forbidden', 404: 'not_found', 409: 'already_claimed' }[wanted],
          )
      }
    }
    client.close()
  }

  expect(await recordedTypes(hub)).toBeGreaterThan(10)
}, 120_000)
