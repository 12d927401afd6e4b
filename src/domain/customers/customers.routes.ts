import type { Router } from 'express'
import { z } from 'zod'
import { customerView } from '../../contract/crm/customer.ts'
import { dataOf } from '../../contract/rest/answers.ts'
import { route } from '../../http/route.ts'
import { bulkAction } from '../records/bulk-records.ts'
import { recordId, type RecordDeps, recordRoutes } from '../records/record.routes.ts'
import { customerKind } from './customer-kind.ts'
import { requireTag, tagCustomer } from './tag-customer.ts'

/** /admin/customers, and the tags of one. */
export function customerRoutes(deps: RecordDeps): Router {
  const router = recordRoutes(deps, customerKind, { tag: tagging(true), untag: tagging(false) })
  const tag = { id: recordId, tagId: recordId }
  for (const [method, wanted, does] of [
    ['post', true, 'Puts a tag on a customer'],
    ['delete', false, 'Takes a tag off a customer'],
  ] as const)
    router[method](
      '/customers/:id/tags/:tagId',
      route(
        deps,
        { does, action: 'record.write', params: tag, answers: { 200: dataOf(customerView) } },
        (ctx) =>
          ctx.write(async (tx) => ({
            data: await tagCustomer(tx, ctx, { ...ctx.params, wanted }),
          })),
      ),
    )
  return router
}

/** Puts a tag on many customers, or takes it off. */
const tagging = (wanted: boolean) =>
  bulkAction({
    input: { tagId: z.int32().positive() },
    check: (tx, { tagId }) => requireTag(tx, tagId),
    run: (tx, by, id, { tagId }) => tagCustomer(tx, by, { id, tagId, wanted }),
  })
