import { Router } from 'express'
import { z } from 'zod'
import { dealView, stageChangeView, stageTotal } from '../../contract/crm/deal.ts'
import { dataOf, listOf } from '../../contract/rest/answers.ts'
import { dealMove } from '../../contract/rest/deals.ts'
import { etagOf } from '../../http/conditional.ts'
import { paging } from '../../http/cursor.ts'
import { reply } from '../../http/reply.ts'
import { route } from '../../http/route.ts'
import { bulkAction } from '../records/bulk-records.ts'
import { idText } from '../records/common-filters.ts'
import { readRecord } from '../records/find-record.ts'
import { recordId, type RecordDeps, recordRoutes } from '../records/record.routes.ts'
import { dealKind } from './deal-kind.ts'
import { dealTotals } from './deal-totals.ts'
import { moveDeal } from './move-deal.ts'
import { listStageChanges } from './stage-changes.ts'

/** /admin/deals, the totals of their stages, and of one its moves and where it has been. */
export function dealRoutes(deps: RecordDeps): Router {
  const router = Router()
  router.get(
    '/deals/totals',
    route(
      deps,
      {
        does: 'Says what lies in each stage',
        action: 'deal.read',
        query: { pipelineId: idText.optional() },
        answers: { 200: dataOf(z.array(stageTotal)) },
      },
      async (ctx) => ({
        data: await ctx.read((query) => dealTotals(query, ctx.actor, ctx.query.pipelineId)),
      }),
    ),
  )
  router.post(
    '/deals/:id/move',
    route(
      deps,
      {
        does: 'Moves a deal on its board',
        action: 'deal.write',
        params: { id: recordId },
        body: dealMove,
        answers: { 200: { body: dataOf(dealView), headers: ['etag'] } },
        errors: ['precondition_failed', 'conflict'],
      },
      (ctx) =>
        ctx.write(async (tx) => {
          const deal = await moveDeal(tx, ctx, deps.config, ctx.params.id, ctx.body, ctx.ifMatch)
          return reply({ data: deal }, { etag: etagOf(deal) })
        }),
    ),
  )
  router.get(
    '/deals/:id/stage-changes',
    route(
      deps,
      {
        does: 'Says where a deal has been',
        action: 'deal.read',
        params: { id: recordId },
        query: paging(deps.config),
        answers: { 200: listOf(stageChangeView) },
      },
      (ctx) =>
        ctx.read(async (query) => {
          const { id } = await readRecord(query, ctx.actor, dealKind, ctx.params.id)
          return listStageChanges(query, ctx.actor.tenantId, id, ctx.query)
        }),
    ),
  )
  const move = bulkAction({
    input: dealMove.pick({ stageId: true, lostReason: true }).shape,
    run: (tx, by, id, to) => moveDeal(tx, by, deps.config, id, to),
  })
  router.use(recordRoutes(deps, dealKind, { move }))
  return router
}
