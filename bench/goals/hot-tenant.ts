import { addDesk, connectsOf, introduce, socketUrl } from '../crm.ts'
import type { Figure, Measurement } from '../goal.ts'
import { startPart, startProduct } from '../part.ts'
import { interleaved } from '../rounds.ts'
import type { World } from '../world.ts'

const writers = 64
const forMs = 1500

/** Each writes as fast as it is acknowledged, which people do not. */
const unlimited = {
  SOCKET_COMMANDS_PER_SECOND: '1000000',
  SOCKET_COMMANDS_BURST: '1000000',
  SOCKET_USER_COMMANDS_PER_SECOND: '1000000',
  SOCKET_TENANT_COMMANDS_PER_SECOND: '1000000',
}

async function run(world: World, rounds: number, log: (line: string) => void): Promise<Figure[]> {
  const tenant = await world.addTenant()
  const desk = await addDesk(world, tenant, writers)
  await introduce(world, tenant, writers)
  const gateway = await startProduct('gateway/main.ts', { ...world.environment, ...unlimited })
  const senders = await startPart('parts/senders.ts')
  try {
    await senders.call('connect', {
      url: socketUrl(gateway.port),
      connects: connectsOf(world, tenant, { count: writers }),
      conversationIds: desk.conversationIds,
    })
    const write = (count: number) => () => senders.call<number>('write', { writers: count, forMs })
    const found = await interleaved(rounds, { one: write(1), many: write(writers) })
    log(`messages per second: ${JSON.stringify(found.all)}`)
    const rate = (value: number) => `${value.toFixed(0)}/s`
    return [
      {
        goal: 'G6',
        what: `messages sent in one tenant by ${writers} at once, each until acknowledged, against 1`,
        ours: rate(found.many),
        peer: rate(found.one),
        value: found.many / found.one,
        unit: 'x',
        better: 'more',
        must: 0.8,
        reach: 1,
      },
    ]
  } finally {
    await senders.stop()
    await gateway.part.stop()
  }
}

/** G6: writers of one tenant that all take its head row. */
export const hotTenant: Measurement = { goals: ['G6'], run }
