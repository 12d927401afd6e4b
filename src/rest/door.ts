import type { RequestHandler } from 'express'
import { Failure } from '../contract/errors.ts'
import { addressOf, enter } from '../http/request-context.ts'
import type { Config } from '../platform/config.ts'
import type { Metrics } from '../platform/metrics.ts'
import { credentialOf, requireOwnOrigin } from './credential.ts'
import type { EntryCache } from './entry-cache.ts'

/** Lets a request in or refuses it; behind it `callerOf` knows who is there. */
export function door(
  deps: {
    readonly config: Pick<Config, 'SSO_COOKIE' | 'CORS_ALLOWED_ORIGINS' | 'PUBLIC_URL'>
    readonly metrics: Metrics
  },
  entries: EntryCache,
): RequestHandler {
  return async (request, _response, next) => {
    try {
      const credential = credentialOf(request, deps.config)
      if (credential === null) throw new Failure('unauthorized')
      requireOwnOrigin(request, credential, deps.config)
      enter(request, await entries.enter(credential.text, addressOf(request)))
    } catch (error) {
      if (error instanceof Failure) deps.metrics.authzDenied.inc({ code: error.code })
      throw error
    }
    next()
  }
}
