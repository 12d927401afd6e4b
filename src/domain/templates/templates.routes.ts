import { Router } from 'express'
import { z } from 'zod'
import { dataOf, listOf } from '../../contract/rest/answers.ts'
import { templateDetail, templateFilters } from '../../contract/rest/templates.ts'
import { etagOf } from '../../http/conditional.ts'
import { decodeCursor, encodeCursor, pageOf, paging } from '../../http/cursor.ts'
import { reply } from '../../http/reply.ts'
import { type RouteDeps, route } from '../../http/route.ts'
import type { Config } from '../../platform/config.ts'
import { sortKeys } from '../records/sort-keys.ts'
import { getTemplate, listTemplates, placeOfTemplate, presentTemplateDetail } from './list-templates.ts'

const place = z.tuple([sortKeys.text, sortKeys.text, z.uuid()])

/** /api/v1/templates: everybody of the tenant reads what can be sent outside the window. */
export function templateRoutes(deps: RouteDeps & { readonly config: Pick<Config, 'LIST_LIMIT'> }): Router {
  const router = Router()

  router.get(
    '/templates',
    route(
      deps,
      {
        does: 'Lists templates',
        action: 'channel.read',
        query: { ...paging(deps.config), ...templateFilters },
        answers: { 200: listOf(templateDetail) },
      },
      async (ctx) => {
        const { cursor, limit, channel: channelId, status, q: text } = ctx.query
        const after = cursor === undefined ? null : decodeCursor('templates', cursor, place)
        const rows = await ctx.read((query) =>
          listTemplates(query, { channelId, status, text }, after, limit + 1),
        )
        return pageOf(rows, limit, presentTemplateDetail, (row) =>
          encodeCursor('templates', placeOfTemplate(row)),
        )
      },
    ),
  )

  router.get(
    '/templates/:id',
    route(
      deps,
      {
        does: 'Reads a template',
        action: 'channel.read',
        params: { id: z.uuid() },
        answers: { 200: { body: dataOf(templateDetail), headers: ['etag'] } },
      },
      async (ctx) => {
        const template = presentTemplateDetail(await ctx.read((query) => getTemplate(query, ctx.params.id)))
        return reply({ data: template }, { etag: etagOf(template) })
      },
    ),
  )

  return router
}
