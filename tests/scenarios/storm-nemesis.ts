import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Part } from '../harness/processes.ts'
import { delivery, written } from '../ingest/cloud-bodies.ts'
import { newCustomer, pick, type Random, type Town } from './storm-people.ts'
import type { System } from './system.ts'

/** How often each mischief was done. */
export type Mischief = Map<string, number>

/** Breaks things until the storm is over, one after the other, and leaves everything running. */
export async function rage(
  system: System,
  towns: readonly Town[],
  random: Random,
  isOver: () => boolean,
): Promise<Mischief> {
  const done: Mischief = new Map()
  const healing = new Set<Promise<void>>()
  const acts = mischiefs(system, towns, random)
  // Each kind once in any order, then whatever comes: a short storm has seen everything too.
  const first = Object.keys(acts).toSorted(() => random() - 0.5)
  while (!isOver()) {
    await pause(300 + random() * 1200)
    const name = first.shift() ?? pick(random, Object.keys(acts))
    done.set(name, (done.get(name) ?? 0) + 1)
    const heals = acts[name]?.() ?? Promise.resolve()
    // What takes long to heal goes on beside the next mischief.
    const healed = heals.then(() => void healing.delete(healed))
    healing.add(healed)
    if (healing.size > 2) await Promise.race(healing)
  }
  await Promise.all(healing)
  await system.redis.start()
  return done
}

function mischiefs(
  system: System,
  towns: readonly Town[],
  random: Random,
): Record<string, () => Promise<void>> {
  const kill = (part: Part) => async () => {
    const victim = pick(random, system.running(part))
    if (victim) await system.kill(victim)
  }
  /** One thing at a time happens to Redis as a whole. */
  let redisIsDown = false
  const withRedisDown = async (work: () => Promise<void>): Promise<void> => {
    if (redisIsDown) return
    redisIsDown = true
    await work()
    redisIsDown = false
  }
  const toRedis = async (...command: [string, ...string[]]): Promise<void> => {
    if (redisIsDown) return
    const admin = new Redis(system.redis.url, { maxRetriesPerRequest: 1, retryStrategy: () => null })
    admin.on('error', () => {})
    await admin.call(...command).catch(() => {})
    admin.disconnect()
  }
  return {
    'gateway killed': kill('gateway'),
    'REST killed': kill('rest'),
    'workers killed': kill('workers'),
    'Redis flushed': () => toRedis('FLUSHALL'),
    'bells cut': () => toRedis('CLIENT', 'KILL', 'TYPE', 'pubsub'),
    'Redis clients cut': () => toRedis('CLIENT', 'KILL', 'TYPE', 'normal'),
    'Redis restarted empty': () => withRedisDown(() => system.redis.restartEmpty()),
    'Redis away': () =>
      withRedisDown(async () => {
        await system.redis.stop()
        await pause(500 + random() * 1500)
        await system.redis.start()
      }),
    'sockets cut': async () => system.sockets.cut(() => random() < 0.4),
    'REST connections cut': async () => system.rest.cut(() => random() < 0.5),
    'readers slow': async () => {
      system.sockets.stopReading(3000, () => random() < 0.4)
      await shout(system, pick(random, towns))
    },
    'rights changed': async () => {
      const { slug } = pick(random, towns)
      // His own token says "agent", so at his next request he is one again.
      // It goes through connections that may just have been cut.
      await system.hub.signIn('manager', { sub: 'ben', tenant: slug }).catch(() => {})
    },
    'database sessions cut': async () => {
      await system.asOwner(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name like 'switchboard%' and random() < 0.3`,
      )
    },
  }
}

/** Somebody pastes a novel, chapter by chapter: more than the buffers between a gateway and a sleeping reader hold. */
async function shout(system: System, { numbers: [number], mark }: Town): Promise<void> {
  if (!number) return
  const { who } = newCustomer(number, mark)
  const chapters = Array.from({ length: 50 }, (_, at) =>
    written(who, `${mark} chapter ${at} `.padEnd(60_000, '.')),
  )
  await system.network.deliver(number, delivery(number, chapters))
}
