import { Router } from 'express'
import { z } from 'zod'
import * as shapes from '../../contract/rest/conversations.ts'
import { paging } from '../../http/cursor.ts'
import { reply } from '../../http/reply.ts'
import { route, type RouteDeps } from '../../http/route.ts'
import type { Config } from '../../platform/config.ts'
import type { Storage } from '../../platform/storage.ts'
import { sendErrors } from '../messages/send-errors.ts'
import { writeNote } from '../notes/add-note.ts'
import { listNotes } from '../notes/list-notes.ts'
import { assignConversation } from './assign-conversation.ts'
import { claimConversation } from './claim-conversation.ts'
import { getConversation } from './get-conversation.ts'
import { labelConversation } from './label-conversation.ts'
import { listConversations } from './list-conversations.ts'
import { readConversation } from './read-conversation.ts'
import { setConversationStatus } from './set-conversation-status.ts'
import { snoozeConversation } from './snooze-conversation.ts'
import { startConversation } from './start-conversation.ts'

export type ConversationDeps = RouteDeps & { readonly config: Config; readonly storage: Storage }

const params = { id: z.uuid() }
const changed = { 200: shapes.changedConversation }

/** Conversations and the notes in them, under /api/v1. */
export function conversationRoutes(deps: ConversationDeps): Router {
  const router = Router()
  const page = paging(deps.config)

  router.get(
    '/conversations',
    route(
      deps,
      {
        does: 'Lists conversations, newest activity first',
        action: 'conversation.read',
        query: { ...shapes.listConversationsQuery.shape, ...page },
        answers: { 200: shapes.conversationList },
      },
      (ctx) => listConversations(deps, ctx.actor, ctx.query),
    ),
  )
  router.post(
    '/conversations',
    route(
      deps,
      {
        does: 'Starts a conversation from our side, with a template',
        action: 'conversation.start',
        body: shapes.startConversationBody,
        answers: { 200: shapes.changedConversation, 201: shapes.changedConversation },
        errors: [...sendErrors],
      },
      async (ctx) => {
        const { conversation, repeated } = await startConversation(deps, ctx.actor, ctx.body, originOf(ctx))
        return reply({ data: conversation }, { status: repeated ? 200 : 201 })
      },
    ),
  )
  router.get(
    '/conversations/:id',
    route(
      deps,
      {
        does: 'Reads a conversation',
        action: 'conversation.read',
        params,
        answers: { 200: shapes.conversationAnswer },
      },
      async (ctx) => {
        const { conversation, position } = await getConversation(deps, ctx.actor, {
          conversationId: ctx.params.id,
        })
        return { data: conversation, position }
      },
    ),
  )
  router.post(
    '/conversations/:id/claim',
    route(
      deps,
      {
        does: 'Takes a conversation that nobody has',
        action: 'conversation.work',
        params,
        answers: changed,
        errors: ['already_claimed', 'conversation_closed'],
      },
      async (ctx) => ({
        data: await claimConversation(deps, ctx.actor, { conversationId: ctx.params.id }, originOf(ctx)),
      }),
    ),
  )
  router.post(
    '/conversations/:id/assign',
    route(
      deps,
      {
        does: 'Gives a conversation to a user or a team',
        action: 'conversation.assign',
        params,
        body: shapes.assignBody,
        answers: changed,
      },
      async (ctx) => ({
        data: await assignConversation(
          deps,
          ctx.actor,
          { conversationId: ctx.params.id, ...ctx.body },
          originOf(ctx),
        ),
      }),
    ),
  )
  router.post(
    '/conversations/:id/status',
    route(
      deps,
      {
        does: 'Opens, snoozes or resolves a conversation',
        action: 'conversation.work',
        params,
        body: shapes.statusBody,
        answers: changed,
        errors: ['conversation_closed', 'conflict'],
      },
      async (ctx) => {
        const { body } = ctx
        const conversationId = ctx.params.id
        const data =
          body.status === 'snoozed'
            ? await snoozeConversation(
                deps,
                ctx.actor,
                { conversationId, snoozedUntil: body.snoozedUntil },
                originOf(ctx),
              )
            : await setConversationStatus(
                deps,
                ctx.actor,
                { conversationId, status: body.status },
                originOf(ctx),
              )
        return { data }
      },
    ),
  )
  router.post(
    '/conversations/:id/labels',
    route(
      deps,
      {
        does: 'Puts labels on a conversation and takes them off',
        action: 'conversation.work',
        params,
        body: shapes.labelsBody,
        answers: changed,
      },
      async (ctx) => ({
        data: await labelConversation(
          deps,
          ctx.actor,
          { conversationId: ctx.params.id, ...ctx.body },
          originOf(ctx),
        ),
      }),
    ),
  )
  router.post(
    '/conversations/:id/read',
    route(
      deps,
      {
        does: 'Marks a conversation as read up to a message',
        action: 'conversation.work',
        params,
        body: shapes.readBody,
        answers: changed,
      },
      async (ctx) => ({
        data: await readConversation(deps, ctx.actor, { conversationId: ctx.params.id, seq: ctx.body.seq }),
      }),
    ),
  )
  router.get(
    '/conversations/:id/notes',
    route(
      deps,
      {
        does: 'Lists the notes of a conversation',
        action: 'conversation.read',
        params,
        query: page,
        answers: { 200: shapes.noteList },
      },
      (ctx) => listNotes(deps, ctx.actor, { conversationId: ctx.params.id, ...ctx.query }),
    ),
  )
  router.post(
    '/conversations/:id/notes',
    route(
      deps,
      {
        does: 'Writes a private note into a conversation',
        action: 'note.write',
        params,
        body: shapes.noteBody,
        answers: { 200: shapes.noteAnswer },
      },
      (ctx) =>
        ctx.write(async (tx) => {
          const input = { conversationId: ctx.params.id, ...ctx.body }
          const { conversation, note } = await writeNote(tx, ctx.actor, input, originOf(ctx))
          return { data: conversation, note }
        }),
    ),
  )
  return router
}

function originOf({ ip, requestId }: { ip: string | undefined; requestId: string }) {
  return { ip, requestId }
}
