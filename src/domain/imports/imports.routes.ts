import { Router } from 'express'
import { z } from 'zod'
import { createImportBody } from '../../contract/rest/imports.ts'
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

/** /admin/imports. The files never pass through here: browsers write them to the object store. */
export function importRoutes(deps: ImportRouteDeps): Router {
  const router = Router()

  router.get(
    '/imports',
    route(deps, { query: paging(deps.config) }, (ctx) =>
      ctx.read((query) => listImports(query, ctx.actor, ctx.query)),
    ),
  )

  router.post(
    '/imports',
    route(deps, { body: createImportBody, status: 201 }, async (ctx) => {
      // An address is of no use while there is no bucket, or no store.
      await deps.storage.ready()
      return ctx.write(async (tx) => ({ data: await createImport(tx, deps, ctx, ctx.body) }))
    }),
  )

  router.get(
    '/imports/:id',
    route(deps, { params: one }, (ctx) =>
      ctx.read(async (query) => ({ data: presentImport(await findImport(query, ctx.actor, ctx.params.id)) })),
    ),
  )

  router.post(
    '/imports/:id/start',
    route(deps, { params: one }, async (ctx) => {
      const found = await ctx.read((query) => findImport(query, ctx.actor, ctx.params.id))
      const key = await secureUpload(deps, ctx.actor.tenantId, found, deps.clock.now())
      return ctx.write(async (tx) => ({ data: await startImport(tx, ctx, ctx.params.id, key) }))
    }),
  )

  router.post(
    '/imports/:id/cancel',
    route(deps, { params: one }, async (ctx) => {
      const found = await ctx.read((query) => findImport(query, ctx.actor, ctx.params.id))
      const answer = await ctx.write(async (tx) => ({ data: await cancelImport(tx, ctx, ctx.params.id) }))
      await dropFile(deps, found)
      return answer
    }),
  )

  router.get(
    '/imports/:id/errors',
    route(deps, { params: one }, async (ctx) => {
      const text = await ctx.read((query) => listRowErrors(query, ctx.actor, ctx.params.id))
      return new Reply(200, text, { 'content-type': 'text/csv; charset=utf-8' })
    }),
  )
  return router
}
