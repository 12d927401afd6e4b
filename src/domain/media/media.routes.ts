import { Router } from 'express'
import { z } from 'zod'
import {
  mediaLinkAnswer,
  mediaLinkQuery,
  startedUploadAnswer,
  startUploadBody,
} from '../../contract/rest/media.ts'
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
    route(
      deps,
      {
        does: 'Begins the upload of a file',
        action: 'media.upload',
        body: startUploadBody,
        answers: { 201: startedUploadAnswer },
      },
      async (ctx) => {
        // An address is of no use while there is no bucket, or no store.
        await deps.storage.ready()
        return ctx.write(async (tx) => ({ data: await startUpload(tx, deps, ctx, ctx.body) }))
      },
    ),
  )

  router.get(
    '/media/:id',
    route(
      deps,
      {
        does: 'Gives an address of a file, for minutes',
        action: ['conversation.read', 'media.upload'],
        params: { id: z.uuid() },
        query: mediaLinkQuery.shape,
        answers: { 200: mediaLinkAnswer, 302: { body: null, headers: ['location'] } },
        errors: ['media_not_ready', 'media_gone'],
      },
      async (ctx) => {
        const link = await linkMedia(deps, ctx.actor, ctx.params.id, ctx.query.thumbnail)
        return ctx.query.redirect ? redirect(link.url) : { data: link }
      },
    ),
  )
  return router
}
