import { Router } from 'express'
import { z } from 'zod'
import { permit } from '../../auth/can.ts'
import { type TeamView, teamView } from '../../contract/access.ts'
import { newTeam, teamPatch } from '../../contract/rest/access.ts'
import { dataOf, listOf } from '../../contract/rest/answers.ts'
import { etagOf } from '../../http/conditional.ts'
import { decodeCursor, encodeCursor, pageOf, paging } from '../../http/cursor.ts'
import { type ReplyOptions, reply } from '../../http/reply.ts'
import { type RouteDeps, route } from '../../http/route.ts'
import type { Config } from '../../platform/config.ts'
import type { LimitConfig } from '../tenants/tenant-limits.ts'
import { sortKeys } from '../records/sort-keys.ts'
import { deleteTeam } from './delete-team.ts'
import { getTeam, listTeams } from './team-row.ts'
import { createTeam, updateTeam } from './update-team.ts'

type TeamDeps = RouteDeps & {
  readonly config: LimitConfig & Pick<Config, 'LIST_LIMIT' | 'BASE_PATH' | 'CONVERSATIONS_PER_TEAM_MOVE'>
}

const one = { id: z.uuid() }
const changed = { 200: { body: dataOf(teamView), headers: ['etag'] } } as const

/** /admin/teams: everybody of the tenant looks, admins change. */
export function teamRoutes(deps: TeamDeps): Router {
  const router = Router()

  router.get(
    '/teams',
    route(
      deps,
      {
        does: 'Lists teams',
        action: 'user.read',
        query: paging(deps.config),
        answers: { 200: listOf(teamView) },
      },
      async (ctx) => {
        permit(ctx.actor, 'user.read')
        const { cursor, limit } = ctx.query
        const after =
          cursor === undefined ? null : decodeCursor('teams', cursor, z.tuple([sortKeys.text, z.uuid()]))
        const rows = await ctx.read((query) => listTeams(query, after, limit + 1))
        return pageOf(
          rows,
          limit,
          (row) => row,
          (row) => encodeCursor('teams', [row.name, row.id]),
        )
      },
    ),
  )

  router.post(
    '/teams',
    route(
      deps,
      {
        does: 'Makes a team',
        action: 'user.manage',
        body: newTeam,
        answers: { 201: { body: dataOf(teamView), headers: ['etag', 'location'] } },
        errors: ['conflict', 'limit_reached'],
      },
      (ctx) => {
        permit(ctx.actor, 'user.manage')
        return ctx.write(async (tx) => {
          const team = await createTeam(tx, deps.config, ctx, ctx.body)
          return answer(team, { status: 201, location: `${deps.config.BASE_PATH}/admin/teams/${team.id}` })
        })
      },
    ),
  )

  router.get(
    '/teams/:id',
    route(deps, { does: 'Shows a team', action: 'user.read', params: one, answers: changed }, (ctx) => {
      permit(ctx.actor, 'user.read')
      return ctx.read(async (query) => answer(await getTeam(query, ctx.params.id)))
    }),
  )

  router.patch(
    '/teams/:id',
    route(
      deps,
      {
        does: "Changes a team's name or members",
        action: 'user.manage',
        params: one,
        body: teamPatch,
        answers: changed,
        errors: ['conflict', 'precondition_failed'],
      },
      (ctx) => {
        permit(ctx.actor, 'user.manage')
        return ctx.write(async (tx) =>
          answer(await updateTeam(tx, ctx, ctx.params.id, ctx.body, ctx.ifMatch)),
        )
      },
    ),
  )

  router.delete(
    '/teams/:id',
    route(
      deps,
      {
        does: 'Takes a team away and hands its conversations on',
        action: 'user.manage',
        params: one,
        query: { moveTo: z.uuid().optional() },
        answers: { 204: null },
        errors: ['conflict', 'precondition_failed'],
      },
      (ctx) => {
        permit(ctx.actor, 'user.manage')
        const { moveTo = null } = ctx.query
        return ctx.write((tx) => deleteTeam(tx, deps.config, ctx, ctx.params.id, moveTo, ctx.ifMatch))
      },
    ),
  )

  return router
}

const answer = (team: TeamView, options: ReplyOptions = {}) =>
  reply({ data: team }, { etag: etagOf(team), ...options })
