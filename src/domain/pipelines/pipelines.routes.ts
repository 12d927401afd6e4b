import { Router } from 'express'
import { route } from '../../http/route.ts'
import { idText } from '../records/common-filters.ts'
import { recordId, type RecordDeps, recordRoutes } from '../records/record.routes.ts'
import { deleteStage } from './delete-stage.ts'
import { pipelineKind } from './pipeline-kind.ts'
import { stageKind } from './stage-kind.ts'

/** /admin/pipelines and /admin/pipeline-stages; deleting a stage takes `moveTo`. */
export function pipelineRoutes(deps: RecordDeps): Router {
  const router = Router()
  router.delete(
    '/pipeline-stages/:id',
    route(
      deps,
      {
        does: 'Deletes a pipeline stage; its deals go to another one',
        action: 'pipeline.manage',
        params: { id: recordId },
        query: { moveTo: idText.optional() },
        answers: { 204: null },
        errors: ['precondition_failed', 'conflict'],
      },
      async (ctx) => {
        await ctx.write(async (tx) => {
          await deleteStage(tx, ctx, deps.config, ctx.params.id, ctx.query.moveTo, ctx.ifMatch)
        })
      },
    ),
  )
  router.use(recordRoutes(deps, pipelineKind))
  router.use(recordRoutes(deps, stageKind))
  return router
}
