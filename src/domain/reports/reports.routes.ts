import { Router } from 'express'
import { dataOf } from '../../contract/rest/answers.ts'
import { overview, type Overview, overviewQuery } from '../../contract/rest/reports.ts'
import { type RouteDeps, route } from '../../http/route.ts'
import type { Config } from '../../platform/config.ts'
import { countConversations, countMessages } from './count-messaging.ts'
import { countActivities, countCustomers, countDeals } from './count-records.ts'
import { reportPeriod } from './report-period.ts'

/** GET /admin/reports/overview: all figures as of one moment. */
export function reportRoutes(deps: RouteDeps & { readonly config: Pick<Config, 'REPORT_DAYS'> }): Router {
  const router = Router()
  router.get(
    '/reports/overview',
    route(
      deps,
      {
        does: 'Counts customers, deals, activities, messages and conversations',
        action: 'report.read',
        query: overviewQuery,
        answers: { 200: dataOf(overview) },
      },
      (ctx) => {
        const { tenantId } = ctx.actor
        const now = deps.clock.now()
        return ctx.read(async (query): Promise<{ data: Overview }> => {
          const period = await reportPeriod(query, tenantId, ctx.query, {
            now,
            mostDays: deps.config.REPORT_DAYS,
          })
          return {
            data: {
              period,
              customers: await countCustomers(query, tenantId, period),
              conversations: await countConversations(query, tenantId, period),
              messages: await countMessages(query, tenantId, period),
              deals: await countDeals(query, tenantId, period),
              activities: await countActivities(query, tenantId, period, now),
            },
          }
        })
      },
    ),
  )
  return router
}
