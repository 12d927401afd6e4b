import { Router } from 'express'
import { listOf } from '../../contract/rest/answers.ts'
import { auditEntry, auditFilters } from '../../contract/rest/audit.ts'
import { paging } from '../../http/cursor.ts'
import { type RouteDeps, route } from '../../http/route.ts'
import type { Config } from '../../platform/config.ts'
import { listAudit } from './list-audit.ts'

/** GET /admin/audit-logs. */
export function auditRoutes(deps: RouteDeps & { readonly config: Pick<Config, 'LIST_LIMIT'> }): Router {
  const router = Router()
  router.get(
    '/audit-logs',
    route(
      deps,
      {
        does: 'Lists what was written, by whom',
        action: 'audit.read',
        query: { ...auditFilters, ...paging(deps.config) },
        answers: { 200: listOf(auditEntry) },
      },
      (ctx) => ctx.read((query) => listAudit(query, ctx.actor.tenantId, ctx.query)),
    ),
  )
  return router
}
