import { Router } from 'express'
import { permit } from '../../auth/can.ts'
import { parsePosition, type Position } from '../../contract/position.ts'
import { eventsQuery } from '../../contract/rest/sync.ts'
import { paging } from '../../http/cursor.ts'
import { Reply } from '../../http/reply.ts'
import { route, type RouteDeps } from '../../http/route.ts'
import { encodeEvent } from '../../log/stored-event.ts'
import type { Config } from '../../platform/config.ts'
import { readNews } from './read-news.ts'
import { takeSnapshot } from './take-snapshot.ts'

export type SyncDeps = RouteDeps & { readonly config: Config }

/** Snapshot and replay, under /api/v1. */
export function syncRoutes(deps: SyncDeps): Router {
  const router = Router()

  router.get(
    '/sync',
    route(deps, {}, async (ctx) => {
      permit(ctx.actor, 'conversation.read')
      return takeSnapshot(deps, ctx.actor)
    }),
  )

  const { limit } = paging(deps.config, Math.min(deps.config.REPLAY_PAGE, deps.config.REPLAY_EVENTS))
  router.get(
    '/events',
    route(deps, { query: { after: eventsQuery.shape.after, limit } }, async (ctx) => {
      permit(ctx.actor, 'conversation.read')
      const after = parsePosition(ctx.query.after) as Position
      const { events, position, more } = await readNews(deps, ctx.actor, { after, limit: ctx.query.limit })
      // Events are JSON already, just as they were written.
      const body = `{"data":[${events.map(encodeEvent).join(',')}],"position":"${position}","more":${more}}`
      return new Reply(200, body, {})
    }),
  )
  return router
}
