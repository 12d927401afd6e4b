import { Router } from 'express'
import { permit } from '../../auth/can.ts'
import { tenantSettings } from '../../contract/access.ts'
import { dataOf } from '../../contract/rest/answers.ts'
import { tenantPatch } from '../../contract/rest/access.ts'
import { etagOf } from '../../http/conditional.ts'
import { reply } from '../../http/reply.ts'
import { type RouteDeps, route } from '../../http/route.ts'
import { changeSettings } from './change-settings.ts'
import type { LimitConfig } from './tenant-limits.ts'
import { presentSettings, readTenantRow, type TenantRow } from './tenant-settings.ts'

const answers = { 200: { body: dataOf(tenantSettings), headers: ['etag'] } } as const

/** GET and PATCH /admin/tenant: the caller's own tenant and no other. */
export function tenantRoutes(deps: RouteDeps & { readonly config: LimitConfig }): Router {
  const router = Router()
  const answer = (row: TenantRow) => reply({ data: presentSettings(row, deps.config) }, { etag: etagOf(row) })

  router.get(
    '/tenant',
    route(deps, { does: "Shows the tenant's settings", action: 'tenant.read', answers }, (ctx) => {
      permit(ctx.actor, 'tenant.read')
      return ctx.read(async (query) => answer(await readTenantRow(query)))
    }),
  )

  router.patch(
    '/tenant',
    route(
      deps,
      {
        does: "Changes the tenant's settings",
        action: 'tenant.manage',
        body: tenantPatch,
        answers,
        errors: ['precondition_failed'],
      },
      (ctx) => {
        permit(ctx.actor, 'tenant.manage')
        return ctx.write(async (tx) => answer(await changeSettings(tx, ctx, ctx.body, ctx.ifMatch)))
      },
    ),
  )

  return router
}
