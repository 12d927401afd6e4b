import type { RequestHandler } from 'express'
import { ipKeyGenerator } from 'express-rate-limit'
import type { Redis } from 'ioredis'
import { Failure } from '../contract/errors.ts'
import { addressOf, type Caller, callerOf, operatorOf } from '../http/request-context.ts'
import type { Config } from '../platform/config.ts'
import { SharedWindows, windowMs } from '../platform/shared-windows.ts'

interface LimitDeps {
  readonly config: Pick<
    Config,
    'REST_RATE_PER_MINUTE' | 'REST_IP_RATE_PER_MINUTE' | 'LOCAL_RATE_PER_MINUTE' | 'REDIS_PREFIX'
  >
  readonly redis: Redis
}

/**
 * Per address, before anybody is known. An IPv6 customer owns a whole network, so its first 56 bits count; only the
 * listed proxies can say that a request comes from elsewhere.
 */
export function limitPerAddress({ config, redis }: LimitDeps): RequestHandler {
  return limit(
    'address',
    config.REST_IP_RATE_PER_MINUTE,
    new SharedWindows(redis, config.REDIS_PREFIX),
    whereFrom,
  )
}

/** Per address, for what costs a password's hash or brings a token. */
export function limitSignIns({ config, redis }: LimitDeps): RequestHandler {
  return limit(
    'sign-in',
    config.LOCAL_RATE_PER_MINUTE,
    new SharedWindows(redis, config.REDIS_PREFIX),
    whereFrom,
  )
}

/** The address, or its network. Only one with a colon can be IPv6, which is found out by a pattern that is as long as slow. */
function whereFrom(request: Parameters<RequestHandler>[0]): string {
  const address = addressOf(request) ?? '0.0.0.0'
  return address.includes(':') ? ipKeyGenerator(address) : address
}

/** Per user or key, behind the door; a key may have a rate of its own, which can only be less. */
export function limitPerCaller({ config, redis }: LimitDeps): RequestHandler {
  return limit(
    'caller',
    (request) => rateOf(callerOf(request).actor, config.REST_RATE_PER_MINUTE),
    new SharedWindows(redis, config.REDIS_PREFIX),
    (request) => {
      const { actor } = callerOf(request)
      return `${actor.kind}:${actor.id}`
    },
  )
}

/** Per key of an operator, behind their door. */
export function limitPerOperator({ config, redis }: LimitDeps): RequestHandler {
  return limit(
    'caller',
    config.REST_RATE_PER_MINUTE,
    new SharedWindows(redis, config.REDIS_PREFIX),
    (request) => `operator:${operatorOf(request).id}`,
  )
}

function rateOf(actor: Caller['actor'], most: number): number {
  return actor.kind === 'key' ? Math.min(actor.ratePerMinute ?? most, most) : most
}

/**
 * Counts what comes and refuses what is too much, with the RateLimit fields of draft-ietf-httpapi-ratelimit-headers-08. Of our
 * own: the one that came with express-rate-limit waited for six promises and hashed the key of each request.
 */
function limit(
  name: string,
  perMinute: number | ((request: Parameters<RequestHandler>[0]) => number),
  windows: SharedWindows,
  keyOf: (request: Parameters<RequestHandler>[0]) => string,
): RequestHandler {
  return (request, response, next) => {
    const most = typeof perMinute === 'number' ? perMinute : perMinute(request)
    const { count, endsAt, mark } = windows.count(`${name}:${keyOf(request)}`)
    const leftMs = Math.max(endsAt - Date.now(), 0)
    const seconds = Math.ceil(leftMs / 1000)
    response.appendHeader('ratelimit', `"${name}"; r=${Math.max(most - count, 0)}; t=${seconds}`)
    response.appendHeader('ratelimit-policy', `"${name}"; q=${most}; w=${windowMs / 1000}; pk=:${mark}:`)
    if (count > most) throw new Failure('rate_limited', { retryAfterMs: leftMs })
    next()
  }
}
