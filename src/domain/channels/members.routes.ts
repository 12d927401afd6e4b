import { Router } from 'express'
import { z } from 'zod'
import { permit } from '../../auth/can.ts'
import { dataOf } from '../../contract/rest/answers.ts'
import { channelMembersBody, channelMembersView } from '../../contract/rest/access.ts'
import { etagOf } from '../../http/conditional.ts'
import { reply } from '../../http/reply.ts'
import { type RouteDeps, route } from '../../http/route.ts'
import type { AddressConfig } from './present-channel.ts'
import { readMembers, setMembers } from './set-members.ts'

const one = { id: z.uuid() }
const answers = { 200: { body: dataOf(channelMembersView), headers: ['etag'] } } as const

/** /api/v1/channels/:id/members: everybody of the tenant looks, admins change. */
export function channelMemberRoutes(deps: RouteDeps & { readonly config: AddressConfig }): Router {
  const router = Router()
  const answer = (channelId: string, row: Awaited<ReturnType<typeof readMembers>>) =>
    reply({ data: { channelId, ...row } }, { etag: etagOf(row) })

  router.get(
    '/channels/:id/members',
    route(
      deps,
      { does: 'Shows who works on a number', action: 'channel.read', params: one, answers },
      (ctx) => {
        permit(ctx.actor, 'channel.read')
        const { id } = ctx.params
        return ctx.read(async (query) => answer(id, await readMembers(query, id)))
      },
    ),
  )

  router.put(
    '/channels/:id/members',
    route(
      deps,
      {
        does: 'Says who works on a number',
        action: 'channel.manage',
        params: one,
        body: channelMembersBody,
        answers,
        errors: ['precondition_failed'],
      },
      (ctx) => {
        permit(ctx.actor, 'channel.manage')
        const { id } = ctx.params
        return ctx.write(async (tx) => answer(id, await setMembers(tx, deps, ctx, id, ctx.body, ctx.ifMatch)))
      },
    ),
  )

  return router
}
