import { Router } from 'express'
import { activityRoutes } from '../activities/activities.routes.ts'
import { type ContactRouteDeps, contactRoutes } from '../contacts/contacts.routes.ts'
import { customFieldKind } from '../custom-fields/custom-field-kind.ts'
import { customerRoutes } from '../customers/customers.routes.ts'
import { exportRoutes } from '../imports/exports.routes.ts'
import { type ImportRouteDeps, importRoutes } from '../imports/imports.routes.ts'
import { noteKind } from '../notes/note-kind.ts'
import { dealRoutes } from '../deals/deals.routes.ts'
import { pipelineRoutes } from '../pipelines/pipelines.routes.ts'
import { savedViewRoutes } from '../saved-views/saved-views.routes.ts'
import { tagKind } from '../tags/tag-kind.ts'
import { type RecordDeps, recordRoutes } from './record.routes.ts'

/** Every kind of record, under /admin. */
export function crmRoutes(deps: RecordDeps & ContactRouteDeps & ImportRouteDeps): Router {
  const router = Router()
  router.use(exportRoutes(deps))
  router.use(importRoutes(deps))
  router.use(customerRoutes(deps))
  router.use(contactRoutes(deps))
  router.use(activityRoutes(deps))
  router.use(pipelineRoutes(deps))
  router.use(dealRoutes(deps))
  router.use(recordRoutes(deps, noteKind))
  router.use(recordRoutes(deps, tagKind))
  router.use(recordRoutes(deps, customFieldKind(deps.config)))
  router.use(savedViewRoutes(deps))
  return router
}
