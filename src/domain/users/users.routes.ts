import { Router } from 'express'
import { z } from 'zod'
import { permissionsOf, permit } from '../../auth/can.ts'
import { userFilters } from '../../contract/rest/identity.ts'
import { decodeCursor, encodeCursor, pageOf, paging } from '../../http/cursor.ts'
import { type RouteDeps, route } from '../../http/route.ts'
import type { Config } from '../../platform/config.ts'
import { findByPlatformUser, listUsers } from './list-users.ts'
import { presentCaller } from './present-caller.ts'

type UserDeps = RouteDeps & { readonly config: Pick<Config, 'LIST_LIMIT'> }

/** /admin/me and /admin/users. */
export function userRoutes(deps: UserDeps): Router {
  const router = Router()

  router.get(
    '/me',
    route(deps, {}, async ({ actor, tenant }) => ({
      user: presentCaller(actor),
      tenant,
      permissions: permissionsOf(actor),
    })),
  )

  router.get(
    '/users',
    route(deps, { query: { ...paging(deps.config), ...userFilters } }, async (ctx) => {
      permit(ctx.actor, 'user.read')
      const { cursor, limit, role, status } = ctx.query
      const after =
        cursor === undefined ? null : decodeCursor('users', cursor, z.tuple([z.string(), z.uuid()]))
      const users = await ctx.read((query) => listUsers(query, { role, status }, after, limit + 1))
      return pageOf(
        users,
        limit,
        (user) => user,
        (user) => encodeCursor('users', [user.name, user.id]),
      )
    }),
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
    route(deps, { params: { id: platformUserId } }, async (ctx) => {
      permit(ctx.actor, 'user.read')
      return { user: await ctx.read((query) => findByPlatformUser(query, ctx.params.id)), tenant: ctx.tenant }
    }),
  )

  return router
}
