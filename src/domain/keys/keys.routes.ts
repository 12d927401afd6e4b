import { Router } from 'express'
import { z } from 'zod'
import { permit } from '../../auth/can.ts'
import { permitPower } from '../../auth/power.ts'
import { keyDetail } from '../../contract/access.ts'
import { newKeyBody, newKeyView } from '../../contract/rest/access.ts'
import { dataOf, listOf } from '../../contract/rest/answers.ts'
import { decodeCursor, encodeCursor, pageOf, paging } from '../../http/cursor.ts'
import { reply } from '../../http/reply.ts'
import { type RouteDeps, route } from '../../http/route.ts'
import type { Config } from '../../platform/config.ts'
import { type LimitConfig, requireRoom } from '../tenants/tenant-limits.ts'
import { createKey } from './create-key.ts'
import { getKey, listKeys } from './list-keys.ts'
import { revokeKey } from './revoke-key.ts'

type KeyDeps = RouteDeps & { readonly config: LimitConfig & Pick<Config, 'LIST_LIMIT' | 'BASE_PATH'> }

const one = { id: z.uuid() }
const shown = { 200: dataOf(keyDetail) } as const

/** /admin/api-keys: for admins. The key itself is in one answer only, that of its making. */
export function keyRoutes(deps: KeyDeps): Router {
  const router = Router()

  router.get(
    '/api-keys',
    route(
      deps,
      {
        does: 'Lists API keys, the newest first',
        action: 'key.manage',
        query: { ...paging(deps.config), createdBy: z.uuid().optional() },
        answers: { 200: listOf(keyDetail) },
      },
      async (ctx) => {
        permit(ctx.actor, 'key.manage')
        const { cursor, limit, createdBy } = ctx.query
        const [below] = cursor === undefined ? [null] : decodeCursor('api-keys', cursor, z.tuple([z.uuid()]))
        const rows = await ctx.read((query) => listKeys(query, limit + 1, { below, createdBy }))
        return pageOf(
          rows,
          limit,
          (row) => row,
          (row) => encodeCursor('api-keys', [row.id]),
        )
      },
    ),
  )

  router.post(
    '/api-keys',
    route(
      deps,
      {
        does: 'Makes an API key, which is shown this once',
        action: 'key.manage',
        body: newKeyBody,
        answers: { 201: { body: dataOf(newKeyView), headers: ['location'] } },
        errors: ['limit_reached'],
      },
      async (ctx) => {
        permit(ctx.actor, 'key.manage')
        permitPower(ctx.actor, ctx.body.role, ctx.body.scopes)
        const { expiresAt, ...body } = ctx.body
        return ctx.write(async (tx) => {
          await requireRoom(tx, deps.config, 'keys')
          const input = { ...body, expiresAt: expiresAt === null ? null : new Date(expiresAt) }
          const { key, view } = await createKey(tx, ctx, input)
          const location = `${deps.config.BASE_PATH}/admin/api-keys/${view.id}`
          return reply(
            { data: { ...view, key } },
            { status: 201, location, kept: { data: { ...view, key: null } } },
          )
        })
      },
    ),
  )

  router.get(
    '/api-keys/:id',
    route(
      deps,
      { does: 'Shows an API key', action: 'key.manage', params: one, answers: shown },
      async (ctx) => {
        permit(ctx.actor, 'key.manage')
        return { data: await ctx.read((query) => getKey(query, ctx.params.id)) }
      },
    ),
  )

  router.post(
    '/api-keys/:id/revoke',
    route(
      deps,
      { does: 'Ends an API key for good', action: 'key.manage', params: one, answers: shown },
      async (ctx) => {
        permit(ctx.actor, 'key.manage')
        return ctx.write(async (tx) => ({ data: (await revokeKey(tx, ctx, ctx.params.id)).view }))
      },
    ),
  )

  return router
}
