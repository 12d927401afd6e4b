import { Router } from 'express'
import { z } from 'zod'
import { dataOf } from '../../contract/rest/answers.ts'
import { bulkResult } from '../../contract/rest/bulk.ts'
import { recordAnswer, recordPage } from '../../contract/rest/records.ts'
import { etagOf } from '../../http/conditional.ts'
import { paging } from '../../http/cursor.ts'
import { type ReplyOptions, reply } from '../../http/reply.ts'
import { type RouteDeps, route } from '../../http/route.ts'
import type { Config } from '../../platform/config.ts'
import { customQuery } from '../custom-fields/filter-by-values.ts'
import { type BulkAction, type BulkActions, bulkBody, bulkRecords, commonActions } from './bulk-records.ts'
import { idText } from './common-filters.ts'
import { readRecord } from './find-record.ts'
import { isReadAtOnce, listRecords } from './list-records.ts'
import { includeQuery, includeRelated } from './include-records.ts'
import type { IncludeName, RecordKind, RecordRow, RecordView } from './record-kind.ts'
import { createRecord, deleteRecord, restoreRecord, updateRecord } from './write-record.ts'

export type RecordDeps = RouteDeps & {
  readonly config: Pick<
    Config,
    | 'LIST_LIMIT'
    | 'LIST_WALK'
    | 'BULK_ITEMS'
    | 'CUSTOM_FIELDS'
    | 'SAVED_VIEWS'
    | 'BASE_PATH'
    | 'DEAL_POSITION_LENGTH'
    | 'DEALS_PER_STAGE_MOVE'
  >
}

/** Ids of records are SERIAL; what is no such number is not found. */
export const recordId = idText

const one = { id: recordId }

/** What a list of records takes in its query, its pages aside. */
export function listedBy<Row extends RecordRow, View extends RecordView>(kind: RecordKind<Row, View>) {
  const names = Object.keys(kind.sorts) as [string, ...string[]]
  return {
    ...Object.fromEntries(
      Object.entries(kind.filters).map(([name, { schema }]) => [name, schema.optional()]),
    ),
    ...(kind.customFields !== undefined && { cf: customQuery.optional() }),
    sort: z.enum(names).optional(),
    order: z.enum(['asc', 'desc']).optional(),
    deleted: z.enum(['with', 'only']).optional(),
  }
}

/**
 * What every kind of record has under /admin/{path}: GET list and POST; GET, PUT, PATCH and DELETE of one; POST restore; and
 * POST bulk, with the actions that every kind knows and those that are given.
 * PUT writes the whole record (what is left out gets its default), PATCH what it names; both take If-Match.
 */
export function recordRoutes<Row extends RecordRow, View extends RecordView>(
  deps: RecordDeps,
  kind: RecordKind<Row, View>,
  more: BulkActions = {},
): Router {
  const router = Router()
  const path = `/${kind.path}`
  const [noun, nouns] = [withArticle(kind.noun.replaceAll('_', ' ')), kind.path.replaceAll('-', ' ')]
  const { read, write } = kind.rights
  const changed = { 200: { body: dataOf(kind.view), headers: ['etag'] } } as const

  router.get(
    path,
    route(
      deps,
      {
        does: `Lists ${nouns}`,
        action: read,
        query: { ...listedBy(kind), ...paging(deps.config), ...includeQuery(kind) },
        answers: { 200: recordPage(kind.view) },
      },
      (ctx) =>
        ctx.read(
          async (query) => {
            const page = await listRecords(query, ctx.actor, kind, ctx.query, deps.config)
            return {
              ...page,
              ...(await includeRelated(query, ctx.actor, asked(ctx.query), page.data, deps.clock.now())),
            }
          },
          endOf(ctx.query, isReadAtOnce(kind, ctx.query)),
        ),
    ),
  )

  router.post(
    path,
    route(
      deps,
      {
        does: `Makes ${noun}`,
        action: write,
        body: kind.whole,
        answers: { 201: { body: dataOf(kind.view), headers: ['etag', 'location'] } },
        errors: ['conflict'],
      },
      (ctx) =>
        ctx.write(async (tx) => {
          const view = await createRecord(tx, kind, ctx, ctx.body)
          return answer(view, { status: 201, location: `${deps.config.BASE_PATH}/admin${path}/${view.id}` })
        }),
    ),
  )

  const actions: BulkActions = { ...commonActions(kind), ...more }
  router.post(
    `${path}/bulk`,
    route(
      deps,
      {
        does: `Does one thing to many ${nouns}`,
        action: write,
        body: bulkBody(actions, deps.config.BULK_ITEMS),
        answers: { 200: dataOf(z.array(bulkResult)) },
      },
      (ctx) =>
        ctx.write(async (tx) => {
          const { ids, action, ...input } = ctx.body
          return { data: await bulkRecords(tx, kind, ctx, actions[action] as BulkAction, { ids, input }) }
        }),
    ),
  )

  router.get(
    `${path}/:id`,
    route(
      deps,
      {
        does: `Reads ${noun}`,
        action: read,
        params: one,
        query: includeQuery(kind),
        answers: { 200: { body: recordAnswer(kind.view), headers: ['etag'] } },
      },
      (ctx) =>
        ctx.read(async (query) => {
          const view = kind.present(await readRecord(query, ctx.actor, kind, ctx.params.id))
          const related = await includeRelated(query, ctx.actor, asked(ctx.query), [view], deps.clock.now())
          return reply({ data: view, ...related }, { etag: etagOf(view) })
        }, endOf(ctx.query)),
    ),
  )

  for (const [method, body, does] of [
    ['put', kind.whole, `Writes ${noun} anew`],
    ['patch', kind.part, `Changes ${noun}`],
  ] as const)
    router[method](
      `${path}/:id`,
      route(
        deps,
        {
          does,
          action: write,
          params: one,
          body,
          answers: changed,
          errors: ['precondition_failed', 'conflict'],
        },
        (ctx) =>
          ctx.write(async (tx) =>
            answer(await updateRecord(tx, kind, ctx, ctx.params.id, ctx.body, ctx.ifMatch)),
          ),
      ),
    )

  router.delete(
    `${path}/:id`,
    route(
      deps,
      {
        does: `Deletes ${noun}`,
        action: write,
        params: one,
        answers: { 204: null },
        errors: ['precondition_failed', 'conflict'],
      },
      async (ctx) => {
        await ctx.write(async (tx) => {
          await deleteRecord(tx, kind, ctx, ctx.params.id, ctx.ifMatch)
        })
      },
    ),
  )

  router.post(
    `${path}/:id/restore`,
    route(
      deps,
      {
        does: `Brings back ${noun} that was deleted`,
        action: write,
        params: one,
        answers: changed,
        errors: ['conflict'],
      },
      (ctx) => ctx.write(async (tx) => answer(await restoreRecord(tx, kind, ctx, ctx.params.id))),
    ),
  )

  return router
}

const withArticle = (noun: string): string => `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`

/** What a query that includeQuery() has read names. */
const asked = (query: object) => (query as { readonly include?: readonly IncludeName[] }).include

/** One packet to the database and back, when nothing is asked after the rows. */
const endOf = (query: object, isAtOnce = true) =>
  isAtOnce && asked(query) === undefined ? 'in its turn' : 'after its work'

const answer = (view: RecordView, options: ReplyOptions = {}) =>
  reply({ data: view }, { etag: etagOf(view), ...options })
