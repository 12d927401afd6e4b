import type { RequestHandler } from 'express'
import { ipKeyGenerator, rateLimit } from 'express-rate-limit'
import type { Redis } from 'ioredis'
import { Failure } from '../contract/errors.ts'
import { addressOf, type Caller, callerOf } from '../http/request-context.ts'
import type { Config } from '../platform/config.ts'
import { SharedWindowStore } from './shared-window-store.ts'

const minute = 60_000

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
    new SharedWindowStore(redis, config.REDIS_PREFIX),
    (request) => ipKeyGenerator(addressOf(request) ?? '0.0.0.0'),
  )
}

/** Per address, for what costs a password's hash or brings a token. */
export function limitSignIns({ config, redis }: LimitDeps): RequestHandler {
  return limit(
    'sign-in',
    config.LOCAL_RATE_PER_MINUTE,
    new SharedWindowStore(redis, config.REDIS_PREFIX),
    (request) => ipKeyGenerator(addressOf(request) ?? '0.0.0.0'),
  )
}

/** Per user or key, behind the door; a key may have a rate of its own, which can only be less. */
export function limitPerCaller({ config, redis }: LimitDeps): RequestHandler {
  return limit(
    'caller',
    (request) => rateOf(callerOf(request).actor, config.REST_RATE_PER_MINUTE),
    new SharedWindowStore(redis, config.REDIS_PREFIX),
    (request) => {
      const { actor } = callerOf(request)
      return `${actor.kind}:${actor.id}`
    },
  )
}

function rateOf(actor: Caller['actor'], most: number): number {
  return actor.kind === 'key' ? Math.min(actor.ratePerMinute ?? most, most) : most
}

function limit(
  name: string,
  perMinute: number | ((request: Parameters<RequestHandler>[0]) => number),
  store: SharedWindowStore,
  keyOf: (request: Parameters<RequestHandler>[0]) => string,
): RequestHandler {
  return rateLimit({
    windowMs: minute,
    limit: perMinute,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    identifier: name,
    store,
    keyGenerator: (request) => `${name}:${keyOf(request)}`,
    // A store that fails must not fail the request.
    passOnStoreError: true,
    // Express's own setting says which proxies are believed; the checks would only print.
    validate: false,
    handler: (_request, _response, next) => {
      next(new Failure('rate_limited', { retryAfterMs: minute - (Date.now() % minute) }))
    },
  })
}
