import { expect, test } from 'vitest'
import type { Actor } from '../../src/auth/actor.ts'
import type { MessageView } from '../../src/contract/message.ts'
import { loadMessages } from '../../src/domain/messages/load-messages.ts'
import { presentMessage } from '../../src/domain/messages/present-message.ts'
import { sendMessage } from '../../src/domain/messages/send-message.ts'
import { readTenant } from '../../src/log/read-tenant.ts'
import type { Environment } from '../../src/platform/config.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { startWorkers } from '../../workers/server.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { connectNumber, type TestNumber } from '../harness/number.ts'
import { type StandIn, startStandIn } from '../harness/provider-stand-in.ts'

/** An Evolution server that takes every text, and when. */
async function startEvolution() {
  const server = await startStandIn()
  const takenAt: number[] = []
  server.always({
    method: 'POST',
    path: /^\/message\/sendText\//,
    answer: () => {
      takenAt.push(performance.now())
      return { status: 201, json: { key: { id: `3EB0${takenAt.length}`, fromMe: true }, status: 'PENDING' } }
    },
  })
  return { server, takenAt }
}

interface Office {
  readonly hub: Hub
  readonly number: TestNumber
  readonly actor: Actor
}

/** Workers, somebody who writes, and customers. */
async function open(settings: Environment): Promise<Office> {
  const hub = await startHub(settings)
  const workers = startWorkers(hub.deps)
  hub.onClose(() => workers.close())
  return { hub, number: await connectNumber(hub), actor: (await hub.signIn('agent')).actor }
}

async function pair(
  { hub }: Office,
  instanceName: string,
  own?: { readonly server: StandIn; readonly key: string },
): Promise<string> {
  const { id } = await hub.addChannel({
    provider: 'evolution',
    settings: { instanceName, ...(own && { baseUrl: own.server.url }) },
    secrets: own ? { apiKey: own.key } : ({} as Record<string, string>),
    externalId: instanceName,
  })
  return id
}

/** Writes to a customer of this channel; the id of the message. */
async function write({ hub, number, actor }: Office, channelId: string): Promise<string> {
  const { id: conversationId } = await number.conversation({ channelId })
  const text = { conversationId, clientMessageId: uuidv7(), type: 'text' as const, text: 'hello' }
  return (await sendMessage(hub.deps, actor, text)).message.id
}

const settled = ({ hub }: Office, id: string): Promise<MessageView> =>
  eventually(async () => {
    const [row] = await readTenant(hub.deps, hub.tenant.id, (query) =>
      loadMessages(query, hub.tenant.id, [id]),
    )
    if (!row || ['queued', 'sending'].includes(row.status)) throw new Error('not settled')
    return presentMessage(row)
  })

test('[CFG6] EVOLUTION_API_URL is the server of numbers that name none, with the key of the house; a number that names its own goes there with its own', async () => {
  const [house, theirs] = [await startEvolution(), await startEvolution()]
  const office = await open({ EVOLUTION_API_URL: house.server.url, EVOLUTION_API_KEY: 'key-of-the-house' })
  await using hub = office.hub
  hub.onClose(() => Promise.all([house.server.close(), theirs.server.close()]))
  await settled(office, await write(office, await pair(office, 'one')))
  await settled(office, await write(office, await pair(office, 'two', { server: theirs.server, key: 'own' })))
  const seen = ({ server }: { server: StandIn }) =>
    server.requests.map(({ path, headers }) => [path, headers['apikey']])
  expect(seen(house)).toEqual([['/message/sendText/one', 'key-of-the-house']])
  expect(seen(theirs)).toEqual([['/message/sendText/two', 'own']])
})

test('[CFG6] without EVOLUTION_API_URL a number that names no server is not set up, and says so', async () => {
  const office = await open({ EVOLUTION_API_KEY: 'key-of-the-house' })
  await using _ = office.hub
  const message = await settled(office, await write(office, await pair(office, 'one')))
  expect(message).toMatchObject({ status: 'failed', error: { code: 'channel_down' } })
})

test('[CFG6] between two messages of a paired number lies EVOLUTION_SEND_INTERVAL_MS at least, and nothing when it is 0', async () => {
  const intervalMs = 1500
  for (const [setting, isPaced] of [
    [String(intervalMs), true],
    ['0', false],
  ] as const) {
    const { server, takenAt } = await startEvolution()
    const office = await open({ EVOLUTION_SEND_INTERVAL_MS: setting })
    await using hub = office.hub
    hub.onClose(() => server.close())
    const channelId = await pair(office, 'one', { server, key: 'own' })
    for (const id of [await write(office, channelId), await write(office, channelId)])
      await settled(office, id)
    const [first = 0, second = 0] = takenAt
    // A tenth for clocks: the pause is measured by the database, the arrival here.
    if (isPaced) expect(second - first).toBeGreaterThan(intervalMs * 0.9)
    else expect(second - first).toBeLessThan(intervalMs * 0.9)
  }
}, 60_000)
