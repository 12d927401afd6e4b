import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type RequestHandler, Router } from 'express'
import { z } from 'zod'
import { declare, plain } from '../../http/declaration.ts'
import { parsePart } from '../../http/faults.ts'
import { callerOf } from '../../http/request-context.ts'
import { listedBy } from '../records/record.routes.ts'
import { type ExportDeps, exportRecords, mayExport } from './export-records.ts'
import type { FileKind } from './file-kind.ts'
import { fileKinds } from './file-kinds.ts'

/** GET /admin/{path}/export of each kind that goes out as a file: the records of a list as CSV. */
export function exportRoutes(deps: ExportDeps): Router {
  const router = Router()
  for (const file of Object.values(fileKinds)) {
    const { path, rights } = file.kind
    const query = listedBy(file.kind)
    const says = {
      ...plain,
      does: `Gives ${path} as a file`,
      action: rights.read,
      query,
      answers: { 200: { body: 'text/csv' } },
    } as const
    router.get(`/${path}/export`, declare(says, sendFile(deps, file, z.strictObject(query))))
  }
  return router
}

function sendFile(
  deps: ExportDeps,
  file: FileKind,
  query: z.ZodObject<ReturnType<typeof listedBy>>,
): RequestHandler {
  return async (request, response) => {
    const asked = parsePart(query, request.query, 'query')
    const caller = callerOf(request)
    const isHead = request.method === 'HEAD'
    // Who only asks whether there is such a file takes nothing out, so nothing is in the trail.
    if (isHead) await mayExport(deps, file, caller, asked)
    const rows = isHead ? [] : await exportRecords(deps, file, caller, asked)
    const day = deps.clock.now().toISOString().slice(0, 10)
    response.set({
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename="${file.kind.path}-${day}.csv"`,
      'cache-control': 'no-store',
    })
    await pipeline(Readable.from(rows), response).catch((error: unknown) => {
      // Whoever hung up needs no answer.
      if ((error as { code?: string }).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
    })
  }
}
