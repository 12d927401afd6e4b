import { Router } from 'express'
import { z } from 'zod'
import { tenantSettings } from '../../contract/access.ts'
import { dataOf, listOf } from '../../contract/rest/answers.ts'
import { tenantLimitsPatch, tenantSummary } from '../../contract/rest/operator.ts'
import { etagOf } from '../../http/conditional.ts'
import { decodeCursor, encodeCursor, pageOf, paging } from '../../http/cursor.ts'
import { operatorRoute } from '../../http/operator-route.ts'
import { reply } from '../../http/reply.ts'
import { readTenant } from '../../log/read-tenant.ts'
import type { LogDeps, TenantTx } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import { changeSettings } from './change-settings.ts'
import { pageOfTenants, type TenantView } from './find-tenant.ts'
import { setTenantStatus } from './set-tenant-status.ts'
import type { LimitConfig } from './tenant-limits.ts'
import { presentSettings, readTenantRow, type TenantRow } from './tenant-settings.ts'

const one = { id: z.uuid() }
const answers = { 200: { body: dataOf(tenantSettings), headers: ['etag'] } } as const

/**
 * /operator/tenants: what the command line does with tenants, for who operates the installation. It shows what tenants
 * are called and what they may have, and nothing that is theirs.
 */
export function operateTenantsRoutes(
  deps: LogDeps & { readonly config: LimitConfig & Pick<Config, 'LIST_LIMIT'> },
): Router {
  const router = Router()
  const answer = (row: TenantRow) => reply({ data: presentSettings(row, deps.config) }, { etag: etagOf(row) })
  const setStatus = (status: TenantView['status'], does: string) =>
    operatorRoute(deps, { does, params: one, answers }, (ctx) =>
      ctx.change(ctx.params.id, async (tx: TenantTx, by) => {
        await setTenantStatus(tx, by, status)
        return answer(await readTenantRow(tx.query.bind(tx)))
      }),
    )

  router.get(
    '/tenants',
    operatorRoute(
      deps,
      {
        does: 'Lists the tenants of the installation, the oldest first',
        query: { ...paging(deps.config), status: tenantSettings.shape.status.optional() },
        answers: { 200: listOf(tenantSummary) },
      },
      async ({ query: { cursor, limit, status } }) => {
        const [after] = cursor === undefined ? [null] : decodeCursor('tenants', cursor, z.tuple([z.uuid()]))
        const rows = await pageOfTenants(deps, { status, after }, limit + 1)
        return pageOf(
          rows,
          limit,
          (row) => row,
          (row) => encodeCursor('tenants', [row.id]),
        )
      },
    ),
  )

  router.get(
    '/tenants/:id',
    operatorRoute(deps, { does: 'Shows a tenant of the installation', params: one, answers }, ({ params }) =>
      readTenant(deps, params.id, async (query) => answer(await readTenantRow(query))),
    ),
  )

  router.patch(
    '/tenants/:id',
    operatorRoute(
      deps,
      {
        does: 'Changes how much a tenant may have',
        params: one,
        body: tenantLimitsPatch,
        answers,
        errors: ['precondition_failed'],
      },
      (ctx) =>
        ctx.change(ctx.params.id, async (tx, by) =>
          answer(await changeSettings(tx, by, ctx.body, ctx.ifMatch)),
        ),
    ),
  )

  router.post('/tenants/:id/suspend', setStatus('suspended', 'Shuts a tenant out'))
  router.post('/tenants/:id/resume', setStatus('active', 'Lets a suspended tenant back in'))
  return router
}
