import { Router } from 'express'
import { z } from 'zod'
import { activityView } from '../../contract/crm/activity.ts'
import { completeActivityBody, dueWhen } from '../../contract/rest/activities.ts'
import { dataOf } from '../../contract/rest/answers.ts'
import { recordPage } from '../../contract/rest/records.ts'
import { etagOf } from '../../http/conditional.ts'
import { paging } from '../../http/cursor.ts'
import { reply } from '../../http/reply.ts'
import { route } from '../../http/route.ts'
import { bulkAction } from '../records/bulk-records.ts'
import { listRecords } from '../records/list-records.ts'
import { type RecordDeps, recordId, recordRoutes } from '../records/record.routes.ts'
import { activityKind } from './activity-kind.ts'
import { finishActivity } from './complete-activity.ts'

/** /admin/activities, completing one, and the open ones of whoever asks. */
export function activityRoutes(deps: RecordDeps): Router {
  const router = Router()

  router.get(
    '/me/activities',
    route(
      deps,
      {
        does: "Lists the caller's open activities",
        action: 'activity.read',
        query: { ...paging(deps.config), when: z.enum(dueWhen).optional() },
        answers: { 200: recordPage(activityView) },
      },
      (ctx) =>
        ctx.read((query) =>
          listRecords(
            query,
            ctx.actor,
            activityKind,
            { ...ctx.query, assigneeId: ['me'], status: ['open'] },
            deps.config,
          ),
        ),
    ),
  )

  router.post(
    '/activities/:id/complete',
    route(
      deps,
      {
        does: 'Completes an activity',
        action: 'activity.write',
        params: { id: recordId },
        body: completeActivityBody,
        answers: { 200: { body: dataOf(activityView), headers: ['etag'] } },
        errors: ['precondition_failed', 'conflict'],
      },
      (ctx) =>
        ctx.write(async (tx) => {
          const input = { activityId: ctx.params.id, outcome: ctx.body.outcome }
          const activity = await finishActivity(tx, ctx, input, ctx.ifMatch)
          return reply({ data: activity }, { etag: etagOf(activity) })
        }),
    ),
  )

  const complete = bulkAction({
    input: completeActivityBody.shape,
    run: (tx, by, activityId, { outcome }) => finishActivity(tx, by, { activityId, outcome }, null),
  })
  router.use(recordRoutes(deps, activityKind, { complete }))
  return router
}
