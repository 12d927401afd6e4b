import { Router } from 'express'
import { permit } from '../../auth/can.ts'
import { auditFilters } from '../../contract/rest/audit.ts'
import { paging } from '../../http/cursor.ts'
import { type RouteDeps, route } from '../../http/route.ts'
import type { Config } from '../../platform/config.ts'
import { listAudit } from './list-audit.ts'

/** GET /admin/audit-logs. */
export function auditRoutes(deps: RouteDeps & { readonly config: Pick<Config, 'LIST_LIMIT'> }): Router {
  const router = Router()
  router.get(
    '/audit-logs',
    route(deps, { query: { ...auditFilters, ...paging(deps.config) } }, (ctx) => {
      permit(ctx.actor, 'audit.read')
      return ctx.read((query) => listAudit(query, ctx.actor.tenantId, ctx.query))
    }),
  )
  return router
}
