import { Router } from 'express'
import { z } from 'zod'
import { listMessagesQuery } from '../../contract/rest/messages.ts'
import { sendMessageInput } from '../../contract/socket.ts'
import { paging } from '../../http/cursor.ts'
import { reply } from '../../http/reply.ts'
import { route, type RouteDeps } from '../../http/route.ts'
import type { Config } from '../../platform/config.ts'
import type { Storage } from '../../platform/storage.ts'
import { listMessages } from './list-messages.ts'
import { sendMessage } from './send-message.ts'

export type MessageDeps = RouteDeps & { readonly config: Config; readonly storage: Storage }

const params = { id: z.uuid() }

/** Messages of a conversation, under /api/v1. */
export function messageRoutes(deps: MessageDeps): Router {
  const router = Router()
  const { limit } = paging(deps.config)

  router.get(
    '/conversations/:id/messages',
    route(deps, { params, query: { ...listMessagesQuery.shape, limit } }, (ctx) =>
      listMessages(deps, ctx.actor, { conversationId: ctx.params.id, ...ctx.query }),
    ),
  )
  router.post(
    '/conversations/:id/messages',
    route(deps, { params, body: sendMessageInput }, async (ctx) => {
      const { message, repeated } = await sendMessage(deps, ctx.actor, {
        conversationId: ctx.params.id,
        ...ctx.body,
      })
      return reply({ data: message }, { status: repeated ? 200 : 202 })
    }),
  )
  return router
}
