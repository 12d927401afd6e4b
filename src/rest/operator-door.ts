import { hash as hashOf } from 'node:crypto'
import type { RequestHandler } from 'express'
import { enterAsOperator, isOperatorKey } from '../auth/operator-keys.ts'
import { Failure } from '../contract/errors.ts'
import type { Deps } from '../deps.ts'
import { addressOf, beOperator } from '../http/request-context.ts'
import { credentialOf, requireOwnOrigin } from './credential.ts'
import type { EntryCache } from './entry-cache.ts'

/**
 * Lets in who operates the installation, by a key that the command line made. Anybody else is told that they may not
 * (`forbidden`) when their credential is good, and else what every door says.
 */
export function operatorDoor(deps: Deps, entries: EntryCache): RequestHandler {
  return async (request, _response, next) => {
    try {
      const credential = credentialOf(request, deps.config)
      if (credential === null) throw new Failure('unauthorized')
      requireOwnOrigin(request, credential, deps.config)
      const { text, byCookie } = credential
      if (byCookie || !isOperatorKey(text)) {
        await entries.enter(text, addressOf(request))
        throw new Failure('forbidden')
      }
      const hash = hashOf('sha256', text, 'base64')
      const ask = () => enterAsOperator(deps, text)
      beOperator(request, await entries.failed.watch(addressOf(request), text, hash, ask))
    } catch (error) {
      if (error instanceof Failure) deps.metrics.authzDenied.inc({ code: error.code })
      throw error
    }
    next()
  }
}
