import { type Request, type RequestHandler, type Response, Router } from 'express'
import type { ErrorCode } from '../contract/errors.ts'
import { Failure } from '../contract/errors.ts'
import {
  changePasswordRequest,
  refreshRequest,
  setPasswordRequest,
  signedInView,
  signInRequest,
} from '../contract/rest/sign-in.ts'
import type { Deps } from '../deps.ts'
import { changePassword } from '../domain/sign-in/change-password.ts'
import { redeemPasswordToken } from '../domain/sign-in/password-token.ts'
import { renewSession, signOut } from '../domain/sign-in/renew-session.ts'
import { type Asking, type OpenSession, presentSession } from '../domain/sign-in/session.ts'
import { signIn } from '../domain/sign-in/sign-in.ts'
import { declare, plain } from '../http/declaration.ts'
import { parsePart } from '../http/faults.ts'
import { addressOf, callerOf, requestIdOf } from '../http/request-context.ts'
import { requireOwnOrigin } from './credential.ts'
import { door } from './door.ts'
import type { EntryCache } from './entry-cache.ts'
import { limitPerCaller, limitSignIns } from './rate-limits.ts'
import { clearSessionCookie, sessionCookieOf, setSessionCookie } from './session-cookie.ts'

/** Codes that any of these can end with. */
const errors = ['local_sign_in_off', 'rate_limited', 'tenant_suspended'] as const satisfies ErrorCode[]

/**
 * Sign-in of our own, before the door: POST /api/auth/sign-in, /refresh, /sign-out and /set-password, and /password behind a door of its own.
 * None of them takes an Idempotency-Key: what is kept for one would say too much about a password.
 */
export function signInRoutes(deps: Deps, entries: EntryCache): Router {
  const { config } = deps
  const router = Router()
  const limit = limitSignIns(deps)

  /** Answers with the session, its refresh token in the cookie or in the body. */
  const send = (response: Response, session: OpenSession, byCookie: boolean): void => {
    const view = presentSession(config, session)
    if (!byCookie) {
      response.json(view)
      return
    }
    setSessionCookie(response, config, session.refreshToken, new Date(view.refreshExpiresAt))
    const { refreshToken: _kept, ...shown } = view
    response.json(shown)
  }

  const enter: RequestHandler = async (request, response) => {
    const { cookie = false, ...given } = parsePart(signInRequest, request.body ?? {}, 'body')
    if (cookie) requireOwnOrigin(request, { text: '', byCookie: true }, config)
    send(response, await signIn(deps, given, askingOf(request)), cookie)
  }
  const signInSays = {
    ...plain,
    does: 'Signs in with e-mail and password',
    body: signInRequest,
    answers: { 200: signedInView },
    errors: [...errors, 'sign_in_failed', 'sign_in_locked', 'several_tenants', 'origin_denied'],
  } as const
  router.post('/sign-in', limit, declare(signInSays, enter))

  const renew: RequestHandler = async (request, response) => {
    const { refreshToken } = parsePart(refreshRequest, request.body ?? {}, 'body')
    const shown = refreshToken ?? sessionCookieOf(request, config)
    if (shown === undefined) throw new Failure('unauthorized')
    try {
      send(response, await renewSession(deps, shown, askingOf(request)), refreshToken === undefined)
    } catch (error) {
      const isOver = error instanceof Failure && error.code !== 'unavailable'
      if (isOver && refreshToken === undefined) clearSessionCookie(response, config)
      throw error
    }
  }
  const refreshSays = {
    ...plain,
    does: 'Renews a sign-in',
    body: refreshRequest.optional(),
    answers: { 200: signedInView },
    errors: [...errors, 'unauthorized', 'token_expired', 'user_disabled', 'origin_denied'],
  } as const
  router.post('/refresh', limit, declare(refreshSays, renew))

  const leave: RequestHandler = async (request, response) => {
    const { refreshToken } = parsePart(refreshRequest, request.body ?? {}, 'body')
    const shown = refreshToken ?? sessionCookieOf(request, config)
    if (shown !== undefined) await signOut(deps, shown, askingOf(request))
    // Not for a page that shows none: it could be anybody's, and take away what it cannot send.
    if (refreshToken === undefined && shown !== undefined) clearSessionCookie(response, config)
    response.status(204).end()
  }
  const signOutSays = {
    ...plain,
    does: 'Signs out',
    body: refreshRequest.optional(),
    answers: { 204: null },
    errors: [...errors, 'origin_denied'],
  } as const
  router.post('/sign-out', limit, declare(signOutSays, leave))

  const set: RequestHandler = async (request, response) => {
    await redeemPasswordToken(
      deps,
      parsePart(setPasswordRequest, request.body ?? {}, 'body'),
      askingOf(request),
    )
    response.status(204).end()
  }
  const setSays = {
    ...plain,
    does: 'Sets a password with the secret that an admin handed over',
    body: setPasswordRequest,
    answers: { 204: null },
    errors: [...errors, 'unauthorized', 'conflict'],
  } as const
  router.post('/set-password', limit, declare(setSays, set))

  const change: RequestHandler = async (request, response) => {
    const { actor, ip, requestId } = callerOf(request)
    if (actor.kind !== 'user') throw new Failure('forbidden')
    const given = parsePart(changePasswordRequest, request.body ?? {}, 'body')
    await changePassword(deps, { actor, ip, requestId }, given)
    response.status(204).end()
  }
  const passwordSays = {
    ...plain,
    action: 'signed-in',
    does: 'Changes the own password',
    body: changePasswordRequest,
    answers: { 204: null },
    errors: [...errors, 'forbidden', 'sign_in_failed', 'sign_in_locked'],
  } as const
  router.post('/password', door(deps, entries), limitPerCaller(deps), declare(passwordSays, change))
  return router
}

function askingOf(request: Request): Asking {
  return { ip: addressOf(request), userAgent: request.get('user-agent'), requestId: requestIdOf(request) }
}
