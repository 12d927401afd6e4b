import { Router } from 'express'
import { z } from 'zod'
import { importView } from '../../contract/crm/import.ts'
import { dataOf, listOf } from '../../contract/rest/answers.ts'
import { createdImport, createImportBody } from '../../contract/rest/imports.ts'
import { paging } from '../../http/cursor.ts'
import { Reply } from '../../http/reply.ts'
import { type RouteDeps, route } from '../../http/route.ts'
import type { Config } from '../../platform/config.ts'
import { cancelImport } from './cancel-import.ts'
import { createImport, type ImportDeps } from './create-import.ts'
import { findImport, presentImport } from './import-row.ts'
import { listImports, listRowErrors } from './list-imports.ts'
import { dropFile } from './run-import.ts'
import { secureUpload, startImport } from './start-import.ts'

export type ImportRouteDeps = RouteDeps & ImportDeps & { readonly config: Pick<Config, 'LIST_LIMIT'> }

const one = { id: z.uuid() }
const found = { 200: dataOf(importView) }

/** /admin/imports. The files never pass through here: browsers write them to the object store. */
export function importRoutes(deps: ImportRouteDeps): Router {
  const router = Router()

  router.get(
    '/imports',
    route(
      deps,
      {
        does: 'Lists the files that were brought',
        action: 'import.read',
        query: paging(deps.config),
        answers: { 200: listOf(importView) },
      },
      (ctx) => ctx.read((query) => listImports(query, ctx.actor, ctx.query)),
    ),
  )

  router.post(
    '/imports',
    route(
      deps,
      {
        does: 'Begins to bring a file of records',
        action: 'record.write',
        body: createImportBody,
        answers: { 201: dataOf(createdImport) },
      },
      async (ctx) => {
        // An address is of no use while there is no bucket, or no store.
        await deps.storage.ready()
        return ctx.write(async (tx) => ({ data: await createImport(tx, deps, ctx, ctx.body) }))
      },
    ),
  )

  router.get(
    '/imports/:id',
    route(
      deps,
      { does: 'Says how far a file is', action: 'import.read', params: one, answers: found },
      (ctx) =>
        ctx.read(async (query) => ({
          data: presentImport(await findImport(query, ctx.actor, ctx.params.id)),
        })),
    ),
  )

  router.post(
    '/imports/:id/start',
    route(
      deps,
      {
        does: 'Starts to write a file that was uploaded',
        action: 'record.write',
        params: one,
        answers: found,
        errors: ['conflict', 'media_not_ready'],
      },
      async (ctx) => {
        const found = await ctx.read((query) => findImport(query, ctx.actor, ctx.params.id))
        const key = await secureUpload(deps, ctx.actor.tenantId, found)
        return ctx.write(async (tx) => ({ data: await startImport(tx, ctx, ctx.params.id, key) }))
      },
    ),
  )

  router.post(
    '/imports/:id/cancel',
    route(
      deps,
      {
        does: 'Stops the writing of a file',
        action: 'record.write',
        params: one,
        answers: found,
        errors: ['conflict'],
      },
      async (ctx) => {
        const found = await ctx.read((query) => findImport(query, ctx.actor, ctx.params.id))
        const answer = await ctx.write(async (tx) => ({ data: await cancelImport(tx, ctx, ctx.params.id) }))
        await dropFile(deps, found)
        return answer
      },
    ),
  )

  router.get(
    '/imports/:id/errors',
    route(
      deps,
      {
        does: 'Says which rows of a file could not be written',
        action: 'import.read',
        params: one,
        answers: { 200: { body: 'text/csv' } },
      },
      async (ctx) => {
        const text = await ctx.read((query) => listRowErrors(query, ctx.actor, ctx.params.id))
        return new Reply(200, text, { 'content-type': 'text/csv; charset=utf-8' })
      },
    ),
  )
  return router
}
