import { Router } from 'express'
import { route } from '../../http/route.ts'
import { recordId, type RecordDeps, recordRoutes } from '../records/record.routes.ts'
import { customerKind } from './customer-kind.ts'
import { tagCustomer } from './tag-customer.ts'

/** /admin/customers, and the tags of one. */
export function customerRoutes(deps: RecordDeps): Router {
  const router = recordRoutes(deps, customerKind)
  const tag = { id: recordId, tagId: recordId }
  for (const [method, wanted] of [
    ['post', true],
    ['delete', false],
  ] as const)
    router[method](
      '/customers/:id/tags/:tagId',
      route(deps, { params: tag }, (ctx) =>
        ctx.write(async (tx) => ({
          data: await tagCustomer(tx, ctx, { ...ctx.params, wanted }),
        })),
      ),
    )
  return router
}
