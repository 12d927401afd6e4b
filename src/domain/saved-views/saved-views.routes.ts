import { Router } from 'express'
import { z } from 'zod'
import { savedViewEntities } from '../../contract/crm/saved-view.ts'
import { defaultViewBody, defaultViews } from '../../contract/rest/saved-views.ts'
import { route } from '../../http/route.ts'
import { type RecordDeps, recordRoutes } from '../records/record.routes.ts'
import { listDefaultViews, setDefaultView } from './default-views.ts'
import { savedViewKind } from './saved-view-kind.ts'

/** /admin/saved-views, and the ones that the caller's lists begin with. */
export function savedViewRoutes(deps: RecordDeps): Router {
  const router = Router()

  router.get(
    '/me/default-views',
    route(
      deps,
      {
        does: "Lists the saved views that the caller's lists begin with",
        action: 'record.read',
        answers: { 200: defaultViews },
      },
      (ctx) => ctx.read((query) => listDefaultViews(query, ctx.actor)),
    ),
  )

  router.put(
    '/me/default-views/:entity',
    route(
      deps,
      {
        does: "Lets one of the caller's lists begin with a saved view",
        action: 'view.write',
        params: { entity: z.enum(savedViewEntities) },
        body: defaultViewBody,
        answers: { 204: null },
      },
      (ctx) => ctx.write((tx) => setDefaultView(tx, ctx, ctx.params.entity, ctx.body.viewId)),
    ),
  )

  router.use(recordRoutes(deps, savedViewKind(deps.config)))
  return router
}
