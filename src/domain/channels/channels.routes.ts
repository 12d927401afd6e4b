import { Router } from 'express'
import { z } from 'zod'
import { can } from '../../auth/can.ts'
import { type ChannelView, channelView } from '../../contract/channel.ts'
import { dataOf, listOf } from '../../contract/rest/answers.ts'
import { channelPatch, newChannel } from '../../contract/rest/channels.ts'
import { etagOf } from '../../http/conditional.ts'
import { decodeCursor, encodeCursor, pageOf, paging } from '../../http/cursor.ts'
import { type ReplyOptions, reply } from '../../http/reply.ts'
import { type RouteDeps, route } from '../../http/route.ts'
import type { Config } from '../../platform/config.ts'
import type { Logger } from '../../platform/logger.ts'
import { type LimitConfig, requireRoom } from '../tenants/tenant-limits.ts'
import { connectChannel } from './connect-channel.ts'
import { createChannel } from './create-channel.ts'
import { getChannel, listChannels } from './list-channels.ts'
import { presentChannel } from './present-channel.ts'
import { removeChannel } from './remove-channel.ts'
import { updateChannel } from './update-channel.ts'
import { applyReport, askProvider, type ProviderDeps } from './verify-channel.ts'

type ChannelDeps = RouteDeps &
  ProviderDeps & { readonly config: LimitConfig & Pick<Config, 'LIST_LIMIT'>; readonly log: Logger }

const one = { id: z.uuid() }
const found = { 200: { body: dataOf(channelView), headers: ['etag'] } } as const

/** Members of a patch after which the network must hear our address again. */
const connectionMembers = ['baseUrl', 'apiKey', 'webhookSecret', 'accessToken'] as const

/** /api/v1/channels: everybody of the tenant reads, admins write. */
export function channelRoutes(deps: ChannelDeps): Router {
  const router = Router()

  router.get(
    '/channels',
    route(
      deps,
      {
        does: 'Lists channels',
        action: 'channel.read',
        query: paging(deps.config),
        answers: { 200: listOf(channelView) },
      },
      async (ctx) => {
        const { cursor, limit } = ctx.query
        const [after] = cursor === undefined ? [null] : decodeCursor('channels', cursor, z.tuple([z.uuid()]))
        const rows = await ctx.read((query) => listChannels(query, after, limit + 1))
        const showKey = can(ctx.actor, 'channel.manage')
        return pageOf(
          rows,
          limit,
          (row) => presentChannel(row, deps.config, showKey),
          (row) => encodeCursor('channels', [row.id]),
        )
      },
    ),
  )

  router.post(
    '/channels',
    route(
      deps,
      {
        does: 'Connects a number',
        action: 'channel.manage',
        body: newChannel,
        answers: { 201: { body: dataOf(channelView), headers: ['etag', 'location'] } },
        errors: ['conflict', 'limit_reached'],
      },
      async (ctx) => {
        return ctx.write(async (tx) => {
          await requireRoom(tx, deps.config, 'channels')
          const channel = await createChannel(tx, deps, ctx, ctx.body)
          tx.onCommit(() => connectLater(deps, tx.tenantId, channel.id))
          return answer(channel, {
            status: 201,
            location: `${deps.config.BASE_PATH}/api/v1/channels/${channel.id}`,
          })
        })
      },
    ),
  )

  router.get(
    '/channels/:id',
    route(
      deps,
      { does: 'Reads a channel', action: 'channel.read', params: one, answers: found },
      async (ctx) => {
        const row = await ctx.read((query) => getChannel(query, ctx.params.id))
        return answer(presentChannel(row, deps.config, can(ctx.actor, 'channel.manage')))
      },
    ),
  )

  router.patch(
    '/channels/:id',
    route(
      deps,
      {
        does: 'Changes a channel',
        action: 'channel.manage',
        params: one,
        body: channelPatch,
        answers: found,
        errors: ['precondition_failed'],
      },
      async (ctx) => {
        return ctx.write(async (tx) => {
          const channel = await updateChannel(tx, deps, ctx, ctx.params.id, ctx.body, ctx.ifMatch)
          if (connectionMembers.some((member) => ctx.body[member] !== undefined))
            tx.onCommit(() => connectLater(deps, tx.tenantId, channel.id))
          return answer(channel)
        })
      },
    ),
  )

  router.delete(
    '/channels/:id',
    route(
      deps,
      {
        does: 'Removes a channel',
        action: 'channel.manage',
        params: one,
        answers: { 204: null },
        errors: ['precondition_failed'],
      },
      async (ctx) => {
        return ctx.write((tx) => removeChannel(tx, deps, ctx, ctx.params.id, ctx.ifMatch))
      },
    ),
  )

  router.post(
    '/channels/:id/verify',
    route(
      deps,
      {
        does: 'Asks the network how a number is',
        action: 'channel.manage',
        params: one,
        answers: found,
        errors: ['provider_unreachable', 'provider_refused', 'provider_busy'],
      },
      async (ctx) => {
        const report = await askProvider(deps, ctx.actor.tenantId, ctx.params.id)
        return ctx.write(async (tx) => answer(await applyReport(tx, deps, ctx, ctx.params.id, report)))
      },
    ),
  )

  return router
}

const answer = (channel: ChannelView, options: ReplyOptions = {}) =>
  reply({ data: channel }, { etag: etagOf(channel), ...options })

/** The answer does not wait for a network. */
function connectLater(deps: ChannelDeps, tenantId: string, id: string): void {
  connectChannel(deps, tenantId, id).catch((error: unknown) => {
    deps.log.warn({ err: error, channelId: id }, 'a channel could not be checked')
  })
}
