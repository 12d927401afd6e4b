import type { CommandHandlers } from '../../gateway/commands.ts'
import { type Gateway, startGateway } from '../../gateway/server.ts'
import { commands } from '../../src/contract/socket.ts'
import { type Deps, openDeps } from '../../src/deps.ts'
import { inTenant, type TenantTx } from '../../src/log/tenant-tx.ts'
import type { Environment } from '../../src/platform/config.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { RawSocket } from '../harness/raw-socket.ts'
import { type ClientOptions, TestClient } from '../harness/socket-client.ts'

/** Commands answered by what they were given, so that the gateway's own part can be seen alone; some done otherwise. */
export function echoing(otherwise: Partial<CommandHandlers> = {}): CommandHandlers {
  const echo = (command: string) => (_deps: Deps, actor: { id: string }, input: unknown) =>
    Promise.resolve({ command, actor: actor.id, input })
  const all = Object.fromEntries(Object.keys(commands).map((name) => [name, echo(name)]))
  return { ...all, ...otherwise } as unknown as CommandHandlers
}

export interface GatewayHub extends Hub {
  readonly gateway: Gateway
  /** Another gateway with connections of its own, as a second instance has. */
  another(more?: Partial<Deps['config']>): Promise<{ gateway: Gateway; deps: Deps }>
  connect(options?: Partial<ClientOptions>): TestClient
  raw(options?: ConstructorParameters<typeof RawSocket>[1]): RawSocket
  /** Commits `count` facts that the whole tenant hears, in one transaction. */
  happen(count?: number, size?: number): Promise<void>
}

export async function startGatewayHub(
  more: Environment = {},
  handlers: CommandHandlers = echoing(),
): Promise<GatewayHub> {
  const hub = await startHub(more)
  const gateway = await startGateway(hub.deps, { handlers })
  hub.onClose(() => gateway.close())
  const clients: { close(): void }[] = []
  hub.onClose(async () => {
    for (const client of clients) client.close()
  })
  const keep = <Client extends { close(): void }>(client: Client): Client => {
    clients.push(client)
    return client
  }
  return {
    ...hub,
    gateway,
    another: async (changes = {}) => {
      const deps = openDeps({ ...hub.config, ...changes }, 'second')
      hub.onClose(() => deps.close())
      const second = await startGateway(deps, { handlers })
      hub.onClose(() => second.close())
      return { gateway: second, deps }
    },
    connect: (options = {}) =>
      keep(
        new TestClient({ port: gateway.port, token: hub.token('admin'), playsUseCases: true, ...options }),
      ),
    raw: (options) => keep(new RawSocket(gateway.port, options)),
    happen: (count = 1, size = 0) => happen(hub, count, size),
    [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose](),
  }
}

async function happen(hub: Pick<Hub, 'deps' | 'tenant'>, count: number, size: number): Promise<void> {
  await inTenant(hub.deps, hub.tenant.id, (tx) => Promise.resolve(recordFacts(tx, count, size)))
}

/** Facts for the whole tenant that need no rows; `size` adds about so many bytes to each. */
export function recordFacts(tx: TenantTx, count: number, size = 0): void {
  for (let i = 0; i < count; i++)
    tx.record(
      'consent.changed',
      {
        contactId: i + 1,
        category: 'marketing',
        granted: true,
        source: size > 0 ? 'x'.repeat(size) : uuidv7(),
        at: '2026-01-01T00:00:00.000Z',
      },
      { kind: 'tenant' },
    )
}
