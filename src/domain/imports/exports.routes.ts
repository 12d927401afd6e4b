import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type RequestHandler, Router } from 'express'
import { z } from 'zod'
import { declare, plain } from '../../http/declaration.ts'
import { parsePart } from '../../http/faults.ts'
import { callerOf } from '../../http/request-context.ts'
import type { LogDeps } from '../../log/tenant-tx.ts'
import { customerKind } from '../customers/customer-kind.ts'
import { listedBy } from '../records/record.routes.ts'
import { exportCustomers } from './export-customers.ts'

/** GET /admin/customers/export: the customers of a list as CSV. */
export function exportRoutes(deps: LogDeps): Router {
  const router = Router()
  const query = z.strictObject(listedBy(customerKind))
  const says = {
    ...plain,
    does: 'Gives customers as a file',
    action: customerKind.rights.read,
    query: listedBy(customerKind),
    answers: { 200: { body: 'text/csv' } },
  } as const
  const send: RequestHandler = async (request, response) => {
    const rows = await exportCustomers(deps, callerOf(request), parsePart(query, request.query, 'query'))
    const day = deps.clock.now().toISOString().slice(0, 10)
    response.set({
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename="customers-${day}.csv"`,
      'cache-control': 'no-store',
    })
    if (request.method === 'HEAD') {
      response.end()
      return
    }
    await pipeline(Readable.from(rows), response).catch((error: unknown) => {
      // Whoever hung up needs no answer.
      if ((error as { code?: string }).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
    })
  }
  router.get('/customers/export', declare(says, send))
  return router
}
