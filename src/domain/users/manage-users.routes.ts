import { Router } from 'express'
import { z } from 'zod'
import { permit } from '../../auth/can.ts'
import { type UserDetail, userDetail } from '../../contract/access.ts'
import { newUser, userPatch } from '../../contract/rest/access.ts'
import { dataOf } from '../../contract/rest/answers.ts'
import { passwordTokenView } from '../../contract/rest/sign-in.ts'
import { etagOf, type ExpectedVersions } from '../../http/conditional.ts'
import { type ReplyOptions, reply } from '../../http/reply.ts'
import { type RouteContext, type RouteDeps, route } from '../../http/route.ts'
import type { Config } from '../../platform/config.ts'
import { makePasswordToken } from '../sign-in/password-token.ts'
import { requireRoom } from '../tenants/tenant-limits.ts'
import { changeUser, type UserChange } from './change-user.ts'
import { type InviteDeps, inviteUser } from './invite-user.ts'
import { userDetailOf } from './user-detail.ts'

const one = { id: z.uuid() }
const changed = { 200: { body: dataOf(userDetail), headers: ['etag'] } } as const

type Context = Pick<RouteContext<{ id: string }, unknown, unknown>, 'actor' | 'write' | 'params'>

/** /admin/users, but for the list: everybody of the tenant looks, admins change. */
export function manageUserRoutes(
  deps: RouteDeps &
    InviteDeps & {
      readonly config: Pick<
        Config,
        'BASE_PATH' | 'LOCAL_ISSUER' | 'LOCAL_SIGN_IN' | 'LOCAL_PASSWORD_TOKEN_HOURS'
      >
    },
): Router {
  const router = Router()

  const change = (ctx: Context, input: UserChange, expected: ExpectedVersions = null) => {
    permit(ctx.actor, 'user.manage')
    return ctx.write(async (tx) => {
      if (input.status === 'active') await requireRoom(tx, deps.config, 'users', ctx.params.id)
      await changeUser(tx, ctx, ctx.params.id, input, expected)
      return answer(await userDetailOf(tx.query.bind(tx), ctx.params.id))
    })
  }

  router.post(
    '/users',
    route(
      deps,
      {
        does: 'Invites somebody',
        action: 'user.manage',
        body: newUser,
        answers: { 201: { body: dataOf(userDetail), headers: ['etag', 'location'] } },
        errors: ['conflict', 'limit_reached'],
      },
      (ctx) => {
        permit(ctx.actor, 'user.manage')
        return ctx.write(async (tx) => {
          const user = await inviteUser(tx, deps, ctx, ctx.body)
          return answer(user, { status: 201, location: `${deps.config.BASE_PATH}/admin/users/${user.id}` })
        })
      },
    ),
  )

  router.get(
    '/users/:id',
    route(
      deps,
      {
        does: 'Shows a user with their teams and numbers',
        action: 'user.read',
        params: one,
        answers: changed,
      },
      (ctx) => {
        permit(ctx.actor, 'user.read')
        return ctx.read(async (query) => answer(await userDetailOf(query, ctx.params.id)))
      },
    ),
  )

  router.patch(
    '/users/:id',
    route(
      deps,
      {
        does: "Changes a user's name, address or role",
        action: 'user.manage',
        params: one,
        body: userPatch,
        answers: changed,
        errors: ['conflict', 'last_admin', 'precondition_failed'],
      },
      (ctx) => change(ctx, ctx.body, ctx.ifMatch),
    ),
  )

  router.post(
    '/users/:id/disable',
    route(
      deps,
      {
        does: 'Shuts a user out',
        action: 'user.manage',
        params: one,
        answers: changed,
        errors: ['last_admin'],
      },
      (ctx) => change(ctx, { status: 'disabled' }),
    ),
  )

  router.post(
    '/users/:id/enable',
    route(
      deps,
      {
        does: 'Lets a disabled user back in',
        action: 'user.manage',
        params: one,
        answers: changed,
        errors: ['limit_reached'],
      },
      (ctx) => change(ctx, { status: 'active' }),
    ),
  )

  router.post(
    '/users/:id/password-token',
    route(
      deps,
      {
        does: 'Makes the secret with which a user sets their password',
        action: 'user.manage',
        params: one,
        answers: { 201: dataOf(passwordTokenView) },
        errors: ['conflict', 'local_sign_in_off'],
      },
      (ctx) =>
        ctx.write(async (tx) => {
          const made = await makePasswordToken(tx, deps.config, ctx, ctx.params.id)
          return reply({ data: made }, { status: 201, kept: { data: { ...made, token: null } } })
        }),
    ),
  )

  return router
}

const answer = (user: UserDetail, options: ReplyOptions = {}) =>
  reply({ data: user }, { etag: etagOf(user), ...options })
