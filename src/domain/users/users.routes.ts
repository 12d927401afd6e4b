import { Router } from 'express'
import { z } from 'zod'
import { permissionsOf } from '../../auth/can.ts'
import { userView } from '../../contract/records.ts'
import { listOf } from '../../contract/rest/answers.ts'
import { crmProfileView, meView, userFilters } from '../../contract/rest/identity.ts'
import { decodeCursor, encodeCursor, pageOf, paging } from '../../http/cursor.ts'
import { type RouteDeps, route } from '../../http/route.ts'
import type { Config } from '../../platform/config.ts'
import { sortKeys } from '../records/sort-keys.ts'
import { findByPlatformUser, listUsers } from './list-users.ts'
import { presentCaller } from './present-caller.ts'

type UserDeps = RouteDeps & { readonly config: Pick<Config, 'LIST_LIMIT'> }

/** /admin/me and /admin/users. */
export function userRoutes(deps: UserDeps): Router {
  const router = Router()

  router.get(
    '/me',
    route(
      deps,
      { does: 'Says who the caller is and what they may do', action: 'signed-in', answers: { 200: meView } },
      async ({ actor, tenant }) => ({
        user: presentCaller(actor),
        tenant,
        permissions: permissionsOf(actor),
      }),
    ),
  )

  router.get(
    '/users',
    route(
      deps,
      {
        does: 'Lists users',
        action: 'user.read',
        query: { ...paging(deps.config), ...userFilters },
        answers: { 200: listOf(userView) },
      },
      async (ctx) => {
        const { cursor, limit, role, status } = ctx.query
        const after =
          cursor === undefined ? null : decodeCursor('users', cursor, z.tuple([sortKeys.text, z.uuid()]))
        const users = await ctx.read((query) => listUsers(query, { role, status }, after, limit + 1))
        return pageOf(
          users,
          limit,
          (user) => user,
          (user) => encodeCursor('users', [user.name, user.id]),
        )
      },
    ),
  )

  return router
}

/** Ids of the platform are numbers; the largest that JSON keeps exact has 16 digits. */
const platformUserId = z
  .string()
  .regex(/^[1-9]\d{0,15}$/)
  .transform(Number)
  .refine(Number.isSafeInteger)

/** /api/users, for the platform next door. */
export function crmProfileRoutes(deps: UserDeps): Router {
  const router = Router()

  router.get(
    '/:id/crm-profile',
    route(
      deps,
      {
        does: 'Finds the user that a user of the platform is here',
        action: 'user.read',
        params: { id: platformUserId },
        answers: { 200: crmProfileView },
      },
      async (ctx) => {
        return {
          user: await ctx.read((query) => findByPlatformUser(query, ctx.params.id)),
          tenant: ctx.tenant,
        }
      },
    ),
  )

  return router
}
