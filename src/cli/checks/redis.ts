import { once } from 'node:events'
import { redisProblems } from '../../platform/boot-guard.ts'
import type { Config } from '../../platform/config.ts'
import { createLogger } from '../../platform/logger.ts'
import { openRedis } from '../../platform/redis.ts'
import { type Check, fail, look, ok, type Verdict, warn } from './check.ts'

/** Sharded pub/sub, which the doorbell rings by, came with 7. */
const leastMajor = 7
const patienceMs = 3000

/** Redis, without which the hub works but slower, so its absence is a warning. */
export async function checkRedis(config: Pick<Config, 'REDIS_URL'>): Promise<Check[]> {
  const lookAt = (name: string, judge: () => Verdict | Promise<Verdict>): Promise<Check> =>
    look('Redis', name, judge, 'see whether it runs and what REDIS_URL says')
  if (config.REDIS_URL.length === 0)
    return [await lookAt('reachable', () => warn('not running', 'start the hub, or set REDIS_URL'))]
  const redis = openRedis(config, createLogger({ LOG_LEVEL: 'silent' }, 'cli'), 'doctor')
  let reason = `no answer in ${patienceMs} ms`
  redis.on('error', (error: Error) => {
    reason = error.message || reason
  })
  try {
    if (redis.status !== 'ready') await once(redis, 'ready', { signal: AbortSignal.timeout(patienceMs) })
  } catch {
    const advice =
      'see whether it runs and what REDIS_URL says; meanwhile facts arrive by polling, up to POLL_MS late'
    redis.disconnect()
    return [await lookAt('reachable', () => warn(reason, advice))]
  }
  const { host } = new URL(config.REDIS_URL[0] ?? '')
  const startedAt = performance.now()
  await redis.ping()
  const took = performance.now() - startedAt
  const checks = await Promise.all([
    lookAt('reachable', () => ok(`${host} in ${took.toFixed(1)} ms`)),
    lookAt('version', async () => judgeVersion(await redis.info('server'))),
    lookAt('eviction', async () => {
      const problems = await redisProblems(redis)
      return problems.length === 0
        ? ok('never evicts')
        : fail(problems.join('; '), 'no process starts before this is changed')
    }),
  ])
  redis.disconnect()
  return checks
}

/** The release in which the last known hole in Lua scripts is closed (CVE-2025-49844, CVE-2026-23631). */
const soundRedis = [8, 6, 3] as const

export function judgeVersion(info: string): Verdict {
  const version = /^(?:valkey|redis)_version:(\S+)/m.exec(info)?.[1] ?? 'unknown'
  const parts = version.split('.').map(Number)
  if (!((parts[0] ?? 0) >= leastMajor))
    return fail(version, 'upgrade to Redis 7 or newer: the doorbell needs sharded pub/sub')
  const isValkey = /^valkey_version:/m.test(info)
  if (isValkey || !isBefore(parts, soundRedis)) return ok(version)
  return warn(
    version,
    `upgrade to ${soundRedis.join('.')}, or to the newest release of your branch or distribution: scripts of older ones can reach freed memory (CVE-2025-49844, CVE-2026-23631); never let strangers reach Redis`,
  )
}

function isBefore(parts: readonly number[], floor: readonly number[]): boolean {
  const place = floor.findIndex((least, at) => parts[at] !== least)
  return place !== -1 && (parts[place] ?? 0) < (floor[place] ?? 0)
}
