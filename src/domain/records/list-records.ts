import { z } from 'zod'
import type { Actor } from '../../auth/actor.ts'
import { type Action, can, permit } from '../../auth/can.ts'
import { formatPosition } from '../../contract/position.ts'
import { decodeCursor, encodeCursor, type Page, pageOf } from '../../http/cursor.ts'
import { headIn } from '../../log/read.ts'
import type { Config } from '../../platform/config.ts'
import { hasValues } from '../custom-fields/filter-by-values.ts'
import { idOf, nobody } from './common-filters.ts'
import type {
  Bind,
  Filter,
  Query,
  RecordKind,
  RecordRow,
  RecordView,
  Rights,
  Sort,
  Walk,
} from './record-kind.ts'
import { sortKeys } from './sort-keys.ts'

/** What a list of records may be asked, beside the filters of its kind. */
export interface ListQuery {
  readonly limit: number
  readonly cursor?: string | undefined
  readonly sort?: string | undefined
  readonly order?: 'asc' | 'desc' | undefined
  /** Deleted ones: left out by default, added by `with`, alone by `only`. */
  readonly deleted?: 'with' | 'only' | undefined
  /** Filters of the kind, in the form that their schemas give; `cf` are texts (customQuery). */
  readonly [filter: string]: unknown
}

const deletedIs = { none: 'r.deleted_at is null', with: 'true', only: 'r.deleted_at is not null' } as const

/**
 * A page of a tenant's records, by one sort and then by id, so that walking the pages neither skips nor repeats a record that
 * stays where it is. Only those that the actor may read. `position` is the one that the page was read at: events after it
 * are news. Two statements, with texts and custom fields some more. Fails with `forbidden`, or `validation_failed` for a cursor
 * of another list, sort or order and for custom fields that are not there.
 *
 * What no index finds, because too many have it, is looked for among LIST_WALK rows along the list's order. When they have
 * less than a page of it, the page is short, or empty, and goes on behind them.
 */
export async function listRecords<Row extends RecordRow, View extends RecordView>(
  query: Query,
  actor: Actor,
  kind: RecordKind<Row, View>,
  asked: ListQuery,
  { LIST_WALK: mostWalked }: Pick<Config, 'LIST_WALK'>,
): Promise<Page<View> & { position: string }> {
  permit(actor, kind.rights.read)
  const { tenantId } = actor
  const name = asked.sort ?? kind.sortedBy
  const sort = kind.sorts[name] as Sort
  const order = asked.order ?? sort.order
  const values: unknown[] = []
  const bind: Bind = (value) => `$${values.push(value)}`
  const list = `${kind.path} ${name} ${order}`
  const conditions = [
    `r.tenant_id = ${bind(tenantId)}`,
    deletedIs[asked.deleted ?? 'none'],
    visibleTo(actor, kind, bind),
    ...after(list, asked.cursor, sort, order, bind),
  ]
  const walks: Walk[] = []
  const meets = (condition: string | Walk) =>
    typeof condition === 'string' ? conditions.push(condition) : walks.push(condition)
  const filters = filtersOf(kind, asked)
  for (const [filter, value] of filters)
    meets(
      isSomebodyElses(actor, kind, filter, value) ? 'false' : await filter.where(value, bind, actor, query),
    )
  const { customFields } = kind
  const cf = asked['cf'] as readonly string[] | undefined
  if (customFields !== undefined && cf !== undefined)
    meets(await hasValues(query, tenantId, { table: kind.table, customFields }, cf, bind))
  const ordered = `order by ${sort.sql} ${order}, r.id ${order}`
  const sorted = `where ${conditions.join(' and ')} ${ordered}`
  // What is joined is looked up for the rows of the page, and the planner sees one table; unless it decides who sees what.
  const source = `${kind.table} r ${kind.rights.sight ? kind.joins : ''}`
  const way = { source, sorted, sort, values: [...values] }
  const columns = `select ${kind.select}, (${sort.sql})::text as sort_key`
  const most = bind(asked.limit + 1)
  const narrow =
    walks.length === 0
      ? `select r.* from ${source} ${sorted} limit ${most}`
      : `select r.* from (select r.*, ${sort.sql} as walked_by from ${source} ${sorted} limit ${bind(mostWalked)}) r
         where ${walks.map(({ walk }) => `(${walk(bind)})`).join(' and ')} order by r.walked_by ${order}, r.id ${order} limit ${most}`
  const found = query<Row & { sort_key: string }>(
    kind.rights.sight && walks.length === 0
      ? `${columns} from ${source} ${sorted} limit ${most}`
      : `${columns} from (${narrow}) r ${kind.joins} ${ordered}`,
    values,
    filters.length === 0 ? 'kept' : 'fresh',
  )
  const [rows, head] = await Promise.all([found, headIn(query, tenantId)])
  const page = pageOf(rows, asked.limit, kind.present, (row) => encodeCursor(list, [row.sort_key, row.id]))
  const isShort = walks.length > 0 && page.nextCursor === null
  const end = isShort ? await endOfWalk(query, way, mostWalked) : undefined
  return {
    ...page,
    ...(end && { nextCursor: encodeCursor(list, [end.key, end.id]) }),
    position: formatPosition(head),
  }
}

interface Way {
  readonly source: string
  /** Conditions and order. */
  readonly sorted: string
  readonly sort: Sort
  readonly values: readonly unknown[]
}

/** The last row of a walk that may not go on although there are more; undefined when it came to the end of the list. */
async function endOfWalk(
  query: Query,
  { source, sorted, sort, values }: Way,
  mostWalked: number,
): Promise<{ key: string; id: number } | undefined> {
  const places = [values.length + 1, values.length + 2].map((place) => `$${place}`)
  const rows = await query<{ key: string; id: number }>(
    `select (${sort.sql})::text as key, r.id from ${source} ${sorted} limit ${places[0]} offset ${places[1]}`,
    [...values, 2, mostWalked - 1],
    'fresh',
  )
  return rows.length < 2 ? undefined : rows[0]
}

/** Whether the list needs nothing looked up first, so that it can be read in one turn (readTenant). */
export function isReadAtOnce(kind: Pick<RecordKind, 'filters'>, asked: ListQuery): boolean {
  return asked['cf'] === undefined && !filtersOf(kind, asked).some(([filter]) => filter.looksUp)
}

/**
 * The rule of can.ts as SQL. Whoever may not read the kind sees none of it, `false`; who may read somebody else's record reads
 * all; nobody's are seen with what they are about.
 */
export function visibleTo<Row>(
  actor: Actor,
  { rights }: { readonly rights: Rights<Row> },
  bind: Bind,
): string {
  if (!can(actor, rights.read)) return 'false'
  if (rights.sight) return rights.sight.where(actor, bind)
  if (rights.reach) return rights.reach.where(actor, bind)
  if (!rights.owner || readsAll(actor, rights)) return 'true'
  const { column, subjects } = rights.owner
  const free = subjects?.inSight(actor, rights.read, bind) ?? 'true'
  return free === 'true'
    ? `(${column} is null or ${column} = ${bind(idOf(actor))}::uuid)`
    : `(${column} = ${bind(idOf(actor))}::uuid or (${column} is null and ${free}))`
}

const readsAll = (actor: Actor, rights: { readonly read: Action }): boolean =>
  can(actor, rights.read, { ownerId: nobody })

/** Whether it asks only for records of people whose records the actor does not see: that is known without looking. */
function isSomebodyElses<Row extends RecordRow, View extends RecordView>(
  actor: Actor,
  { rights }: Pick<RecordKind<Row, View>, 'rights'>,
  filter: Filter,
  value: unknown,
): boolean {
  if (!rights.owner || filter.person !== rights.owner.column || readsAll(actor, rights)) return false
  return !(value as readonly string[]).some((who) => ['me', 'none', idOf(actor)].includes(who))
}

function filtersOf(kind: Pick<RecordKind, 'filters'>, asked: ListQuery): [Filter, unknown][] {
  return Object.entries(kind.filters).flatMap(([name, filter]): [Filter, unknown][] =>
    asked[name] === undefined ? [] : [[filter, asked[name]]],
  )
}

function after(
  list: string,
  cursor: string | undefined,
  sort: Sort,
  order: 'asc' | 'desc',
  bind: Bind,
): string[] {
  if (cursor === undefined) return []
  const [key, id] = decodeCursor(list, cursor, z.tuple([sortKeys[sort.type], z.int32()]))
  const sign = order === 'asc' ? '>' : '<'
  return [`(${sort.sql}, r.id) ${sign} (${bind(key)}::${sort.type}, ${bind(id)}::integer)`]
}
