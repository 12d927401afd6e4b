import { Router } from 'express'
import { parsePosition, type Position } from '../../contract/position.ts'
import { eventsAnswer, eventsQuery, syncAnswer } from '../../contract/rest/sync.ts'
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
    route(
      deps,
      {
        does: 'Gives all that a client holds at the start',
        action: 'conversation.read',
        answers: { 200: syncAnswer },
      },
      async (ctx) => {
        return takeSnapshot(deps, ctx.actor)
      },
    ),
  )

  const { limit } = paging(deps.config, Math.min(deps.config.REPLAY_PAGE, deps.config.REPLAY_EVENTS))
  router.get(
    '/events',
    route(
      deps,
      {
        does: 'Replays events after a position',
        action: 'conversation.read',
        query: { after: eventsQuery.shape.after, limit },
        answers: { 200: eventsAnswer },
        errors: ['log_position_gone'],
      },
      async (ctx) => {
        const after = parsePosition(ctx.query.after) as Position
        const { events, position, more } = await readNews(deps, ctx.actor, { after, limit: ctx.query.limit })
        // Events are JSON already, just as they were written.
        const body = `{"data":[${events.map(encodeEvent).join(',')}],"position":"${position}","more":${more}}`
        return new Reply(200, body, {})
      },
    ),
  )
  return router
}
