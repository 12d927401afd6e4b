import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startGateway } from '../../gateway/server.ts'
import { commandHandlers } from '../../src/command-handlers.ts'
import { type CommandName, commands, ephemeralCommands } from '../../src/contract/socket.ts'
import type { ClientState } from '../../src/contract/client-state.ts'
import { type Api, startApi } from '../harness/api.ts'
import { documents } from '../harness/documents.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { connectNumber, type TestNumber } from '../harness/number.ts'
import { seededRandom } from '../harness/random.ts'
import { expectSameAsSnapshot, takeState, threeWatchers } from '../harness/replay.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'
import { TestClient } from '../harness/socket-client.ts'
import { spoiled } from './hostile-values.ts'
import { tenantWithThings } from './known-things.ts'
import { type Maker, type Schema, validValue } from './schema-values.ts'

const { components } = documents.asyncapi as { components: { messages: Record<string, { payload: Schema }> } }
const seed = Number(process.env['DOCUMENT_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const cases = 40
console.log(`every command: DOCUMENT_SEED=${seed}`)

const examples: Partial<Record<CommandName, (known: (member: string) => readonly unknown[]) => object>> = {
  'message.send': (known) => ({
    clientMessageId: 'a',
    conversationId: known('conversationId')[0],
    type: 'text',
    text: 'hello',
  }),
}

/** What needs a message that came or another token of the same user; tests of their own have them. */
const cannotSucceed = new Set(['message.react', 'session.renew'])

describe('every command', () => {
  let hub: Hub
  let rest: RestClient
  let number: TestNumber
  let api: Api
  let port = 0

  beforeAll(async () => {
    const most = '1000000'
    hub = await startHub({
      SOCKET_COMMANDS_PER_SECOND: most,
      SOCKET_COMMANDS_BURST: most,
      SOCKET_USER_COMMANDS_PER_SECOND: most,
      SOCKET_TENANT_COMMANDS_PER_SECOND: most,
    })
    rest = await startRestOf(hub)
    number = await connectNumber(hub)
    api = await startApi(hub)
    const gateway = await startGateway(hub.deps, { handlers: commandHandlers })
    hub.onClose(() => gateway.close())
    port = gateway.port
  })
  afterAll(() => hub[Symbol.asyncDispose]())

  test.each(Object.keys({ ...commands, ...ephemeralCommands }))(
    '[DOC4] [SYN2] %s is answered as documented, whatever it is given, and what it did can be replayed',
    async (name) => {
      const random = seededRandom(seed)
      const known = await tenantWithThings(hub, rest, number)
      const client = new TestClient({ port, token: known.token })
      hub.onClose(() => Promise.resolve(client.close()))
      await client.next('caught-up')
      const watchers = name in commands ? await threeWatchers(hub, known.slug) : []
      const before = await Promise.all(watchers.map((watcher) => takeState(api, watcher)))
      const schema = components.messages[`command.${name}`]?.payload ?? {}
      const draft = (density: number) =>
        validValue(schema, { random, density, known: known.forMember } satisfies Maker)
      const example = examples[name as CommandName]

      let succeeded = cannotSucceed.has(name)
      for (let count = 0; count < (succeeded ? cases : 200) && (count < cases || !succeeded); count++) {
        const good =
          count === 0 && example ? example(known.forMember) : draft([0.1, 0.5, 0.9][count % 3] ?? 0.5)
        const ack = await client.send(name, good)
        expect(ack, JSON.stringify(good)).not.toMatchObject({ error: { code: 'internal' } })
        succeeded ||= ack.ok
      }
      expect(succeeded, 'nothing that it allows succeeds').toBe(true)

      for (let count = 0; count < cases; count++) {
        const bad = readable(spoiled(draft(0.5), { random }, 10_000))
        const ack = await client.send(name, bad)
        expect(ack, JSON.stringify(bad).slice(0, 500)).not.toMatchObject({ error: { code: 'internal' } })
      }
      for (const bad of [undefined, null, 7, 'text', [], [[]], { then: 1 }, '\0', '\ud83d'])
        expect(await client.send(name, bad)).toMatchObject({
          ok: false,
          error: { code: 'validation_failed' },
        })
      expect(client.socket.connected).toBe(true)
      for (const [at, watcher] of watchers.entries())
        await expectSameAsSnapshot(api, watcher, before[at] as ClientState)
    },
    60_000,
  )
})

/** What of a hostile text JavaScript can say: the client writes its JSON itself. */
function readable(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return json
  }
}
