import { Router } from 'express'
import { z } from 'zod'
import { listMessagesQuery, messageAnswer, messagePage } from '../../contract/rest/messages.ts'
import { sendMessageInput } from '../../contract/socket.ts'
import { paging } from '../../http/cursor.ts'
import { reply } from '../../http/reply.ts'
import { route, type RouteDeps } from '../../http/route.ts'
import type { Config } from '../../platform/config.ts'
import type { Storage } from '../../platform/storage.ts'
import { sendErrors } from './send-errors.ts'
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
    route(
      deps,
      {
        does: 'Lists the messages of a conversation',
        action: 'conversation.read',
        params,
        query: { ...listMessagesQuery.shape, limit },
        answers: { 200: messagePage },
      },
      (ctx) => listMessages(deps, ctx.actor, { conversationId: ctx.params.id, ...ctx.query }),
    ),
  )
  router.post(
    '/conversations/:id/messages',
    route(
      deps,
      {
        does: 'Sends a message',
        action: 'message.send',
        params,
        body: sendMessageInput,
        answers: { 200: messageAnswer, 202: messageAnswer },
        errors: sendErrors,
      },
      async (ctx) => {
        const { message, repeated } = await sendMessage(deps, ctx.actor, {
          conversationId: ctx.params.id,
          ...ctx.body,
        })
        return reply({ data: message }, { status: repeated ? 200 : 202 })
      },
    ),
  )
  return router
}
