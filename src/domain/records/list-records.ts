import { z } from 'zod'
import type { Actor } from '../../auth/actor.ts'
import { type Action, can, permit } from '../../auth/can.ts'
import { formatPosition } from '../../contract/position.ts'
import { decodeCursor, encodeCursor, type Page, pageOf } from '../../http/cursor.ts'
import { headIn } from '../../log/read.ts'
import { hasValues } from '../custom-fields/filter-by-values.ts'
import type { Bind, Filter, Query, RecordKind, RecordRow, RecordView, Rights, Sort } from './record-kind.ts'

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
 * are news. Two statements, with custom fields four. Fails with `forbidden`, or `validation_failed` for a cursor of another
 * list, sort or order and for custom fields that are not there.
 */
export async function listRecords<Row extends RecordRow, View extends RecordView>(
  query: Query,
  actor: Actor,
  kind: RecordKind<Row, View>,
  asked: ListQuery,
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
  const filters = filtersOf(kind, asked)
  for (const [filter, value] of filters)
    conditions.push(
      isSomebodyElses(actor, kind, filter, value)
        ? 'false'
        : await filter.where(value, bind, meOf(actor), query),
    )
  const { customFields } = kind
  const cf = asked['cf'] as readonly string[] | undefined
  if (customFields !== undefined && cf !== undefined)
    conditions.push(await hasValues(query, tenantId, { table: kind.table, customFields }, cf, bind))
  const where = `where ${conditions.join(' and ')} order by ${sort.sql} ${order}, r.id ${order} limit ${bind(asked.limit + 1)}`
  const columns = `select ${kind.select}, (${sort.sql})::text as sort_key`
  // What is joined is looked up for the rows of the page, and the planner sees one table; unless it decides who sees what.
  const found = query<Row & { sort_key: string }>(
    kind.rights.sight
      ? `${columns} from ${kind.table} r ${kind.joins} ${where}`
      : `${columns} from (select r.* from ${kind.table} r ${where}) r ${kind.joins} order by ${sort.sql} ${order}, r.id ${order}`,
    values,
    filters.length === 0 ? 'kept' : 'fresh',
  )
  const [rows, head] = await Promise.all([found, headIn(query, tenantId)])
  return {
    ...pageOf(rows, asked.limit, kind.present, (row) => encodeCursor(list, [row.sort_key, row.id])),
    position: formatPosition(head),
  }
}

/** Whether the list needs nothing looked up first, so that it can be read in one turn (readTenant). */
export function isReadAtOnce(kind: Pick<RecordKind, 'filters'>, asked: ListQuery): boolean {
  return asked['cf'] === undefined && !filtersOf(kind, asked).some(([filter]) => filter.looksUp)
}

const nobody = '00000000-0000-0000-0000-000000000000'
const meOf = (actor: Actor): string => (actor.kind === 'system' ? nobody : actor.id)

/** The rule of can.ts as SQL: who may read somebody else's record reads all; nobody's are seen with what they are about. */
export function visibleTo<Row>(
  actor: Actor,
  { rights }: { readonly rights: Rights<Row> },
  bind: Bind,
): string {
  if (rights.sight) return rights.sight.where(actor, bind)
  if (rights.reach) return rights.reach.where(actor, bind)
  if (!rights.owner || readsAll(actor, rights)) return 'true'
  const { column, subjects } = rights.owner
  const free = subjects?.inSight(actor, rights.read, bind) ?? 'true'
  return free === 'true'
    ? `(${column} is null or ${column} = ${bind(meOf(actor))}::uuid)`
    : `(${column} = ${bind(meOf(actor))}::uuid or (${column} is null and ${free}))`
}

const readsAll = (actor: Actor, rights: { readonly read: Action }): boolean =>
  can(actor, rights.read, { ownerId: nobody })

/** Whether it asks for records of somebody whose records the actor does not see: that is known without looking. */
function isSomebodyElses<Row extends RecordRow, View extends RecordView>(
  actor: Actor,
  { rights }: Pick<RecordKind<Row, View>, 'rights'>,
  filter: Filter,
  value: unknown,
): boolean {
  if (!rights.owner || filter.person !== rights.owner.column || readsAll(actor, rights)) return false
  return value !== 'me' && value !== 'none' && value !== meOf(actor)
}

function filtersOf(kind: Pick<RecordKind, 'filters'>, asked: ListQuery): [Filter, unknown][] {
  return Object.entries(kind.filters).flatMap(([name, filter]): [Filter, unknown][] =>
    asked[name] === undefined ? [] : [[filter, asked[name]]],
  )
}

const cursorShape = z.tuple([z.string(), z.int32()])

function after(
  list: string,
  cursor: string | undefined,
  sort: Sort,
  order: 'asc' | 'desc',
  bind: Bind,
): string[] {
  if (cursor === undefined) return []
  const [key, id] = decodeCursor(list, cursor, cursorShape)
  const sign = order === 'asc' ? '>' : '<'
  return [`(${sort.sql}, r.id) ${sign} (${bind(key)}::${sort.type}, ${bind(id)}::integer)`]
}
