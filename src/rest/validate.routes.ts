import { type RequestHandler, Router } from 'express'
import { Failure } from '../contract/errors.ts'
import { validateRequest, validateView } from '../contract/rest/identity.ts'
import { presentCaller } from '../domain/users/present-caller.ts'
import { declare, plain } from '../http/declaration.ts'
import { parsePart } from '../http/faults.ts'
import { addressOf } from '../http/request-context.ts'
import type { Config } from '../platform/config.ts'
import { credentialOf } from './credential.ts'
import type { EntryCache } from './entry-cache.ts'

/** Past this a key counts as one that never ends. */
const farAway = new Date('9999-01-01')

/**
 * POST /api/auth/validate, before the door: is this credential good, and whose is it? It may come as bearer, as cookie or in
 * the body; a bearer comes first, and a cookie never stands in for a token that was named.
 */
export function validateRoutes(
  deps: { readonly config: Pick<Config, 'SSO_COOKIE'> },
  entries: EntryCache,
): Router {
  const router = Router()
  const says = {
    ...plain,
    does: 'Says whether a credential is good, and whose it is',
    body: validateRequest.optional(),
    answers: { 200: validateView },
    errors: [
      'unauthorized',
      'token_expired',
      'user_disabled',
      'tenant_suspended',
      'account_inactive',
      'usertype_denied',
      'business_unknown',
      'forbidden',
      'rate_limited',
    ],
  } as const
  const answer: RequestHandler = async (request, response) => {
    const { token } = parsePart(validateRequest, request.body ?? {}, 'body')
    const shown = credentialOf(request, deps.config)
    const credential = shown === null || (shown.byCookie && token !== undefined) ? token : shown.text
    if (credential === undefined) throw new Failure('unauthorized')
    const { actor, tenant, expiresAt } = await entries.enter(credential, addressOf(request))
    response.json({
      valid: true,
      user: presentCaller(actor),
      tenant,
      expiresAt: expiresAt > farAway ? null : expiresAt.toISOString(),
    })
  }
  router.post('/validate', declare(says, answer))
  return router
}
