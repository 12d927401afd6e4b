import { Router } from 'express'
import { z } from 'zod'
import { mediaLinkQuery, startUploadBody } from '../../contract/rest/media.ts'
import { redirect } from '../../http/reply.ts'
import { route } from '../../http/route.ts'
import { linkMedia } from './link-media.ts'
import type { MediaDeps } from './media-deps.ts'
import { startUpload } from './start-upload.ts'

/** Under /api/v1. The bytes never pass through here: browsers talk to the object store with signed addresses. */
export function mediaRoutes(deps: Omit<MediaDeps, 'log' | 'metrics'>): Router {
  const router = Router()

  router.post(
    '/media',
    route(deps, { body: startUploadBody, status: 201 }, async (ctx) => {
      // An address is of no use while there is no bucket, or no store.
      await deps.storage.ready()
      return ctx.write(async (tx) => ({ data: await startUpload(tx, deps, ctx, ctx.body) }))
    }),
  )

  router.get(
    '/media/:id',
    route(deps, { params: { id: z.uuid() }, query: mediaLinkQuery.shape }, async (ctx) => {
      const link = await linkMedia(deps, ctx.actor, ctx.params.id, ctx.query.thumbnail)
      return ctx.query.redirect ? redirect(link.url) : { data: link }
    }),
  )
  return router
}
