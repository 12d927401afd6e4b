import { isDeepStrictEqual } from 'node:util'
import type { Actor } from '../../auth/actor.ts'
import { can, permit } from '../../auth/can.ts'
import {
  type SavedViewEntity,
  type SavedViewView,
  savedViewEntities,
  savedViewView,
} from '../../contract/crm/saved-view.ts'
import { Failure } from '../../contract/errors.ts'
import { savedViewPart, wholeSavedView } from '../../contract/rest/saved-views.ts'
import { invalid } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import { containing, filter, oneOf, personIs, timeFilters, timeSorts } from '../records/common-filters.ts'
import type { Bind, Change, RecordKind, RecordRow, Sight } from '../records/record-kind.ts'
import { z } from 'zod'
import { judgeView, type NewMembers } from './judge-view.ts'
import { viewedKinds } from './viewed-kinds.ts'

export interface SavedViewRow extends RecordRow {
  entity: SavedViewEntity
  name: string
  owner_id: string
  shared: boolean
  layout: SavedViewView['layout']
  filters: SavedViewView['filters']
  sort: string | null
  sort_order: SavedViewView['order']
  columns: string[]
}

/** Shared ones are everybody's to see, and their owner's and managers' to change; the others are their owner's alone. */
const sight: Sight<SavedViewRow> = {
  where: (actor, bind: Bind) =>
    actor.kind === 'system' ? 'true' : `(r.shared or r.owner_id = ${bind(actor.id)}::uuid)`,
  sees: seesView,
  mayWrite: (actor, row) => {
    if (!isOwner(actor, row) && !can(actor, 'view.moderate')) throw new Failure('forbidden')
  },
  hearers: (row) => (row.shared ? { kind: 'tenant' } : { kind: 'user', userId: row.owner_id }),
}

const isOwner = (actor: Actor, { owner_id: owner }: Pick<SavedViewRow, 'owner_id'>): boolean =>
  actor.kind === 'system' || actor.id === owner

/** Whether the actor may know of a view. */
export function seesView(actor: Actor, row: Pick<SavedViewRow, 'owner_id' | 'shared'>): boolean {
  return row.shared || isOwner(actor, row)
}

/** Lists as people want to see them again. */
export function savedViewKind(
  config: Pick<Config, 'CUSTOM_FIELDS' | 'SAVED_VIEWS'>,
): RecordKind<SavedViewRow, SavedViewView> {
  const kinds = viewedKinds(config)
  return {
    noun: 'saved_view',
    path: 'saved-views',
    table: 'saved_views',
    select: `r.id, r.entity, r.name, r.owner_id, r.shared, r.layout, r.filters, r.sort, r.sort_order, r.columns,
      r.version, r.created_at, r.updated_at, r.deleted_at`,
    joins: '',
    members: {
      entity: { column: 'entity', type: 'text' },
      name: { column: 'name', type: 'text' },
      // Not `ownerId`: views are not assigned.
      author: { column: 'owner_id', type: 'uuid' },
      shared: { column: 'shared', type: 'boolean' },
      layout: { column: 'layout', type: 'text' },
      filters: { column: 'filters', type: 'jsonb' },
      sort: { column: 'sort', type: 'text' },
      order: { column: 'sort_order', type: 'text' },
      columns: { column: 'columns', type: 'text[]' },
    },
    view: savedViewView,
    whole: wholeSavedView,
    part: savedViewPart,
    filters: {
      q: containing('search_key(r.name)'),
      entity: oneOf('r.entity', savedViewEntities),
      ownerId: personIs('r.owner_id'),
      shared: filter(z.enum(['true', 'false']), (wanted) =>
        wanted === 'true' ? 'r.shared' : 'not r.shared',
      ),
      ...timeFilters,
    },
    sorts: { name: { sql: 'lower(r.name)', type: 'text', order: 'asc' }, ...timeSorts },
    sortedBy: 'name',
    includes: ['owner'],
    present: (row) => ({
      id: row.id,
      entity: row.entity,
      name: row.name,
      ownerId: row.owner_id,
      shared: row.shared,
      layout: row.layout,
      filters: row.filters,
      sort: row.sort,
      order: row.sort_order,
      columns: row.columns,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
      deletedAt: row.deleted_at,
      version: row.version,
    }),
    rights: { read: 'record.read', write: 'view.write', sight },
    constraints: { saved_views_one_per_name: 'name' },
    prepare: async (tx, change) => {
      const { before, values, by } = change
      const members = newMembers(change)
      if (before !== null && members.entity !== undefined)
        throw invalid([{ in: 'body', pointer: '/entity', message: 'cannot be changed any more' }])
      if (values['shared'] === true && before?.shared !== true) permit(by.actor, 'view.share')
      const entity = (before?.entity ?? values['entity']) as SavedViewEntity
      await judgeView(tx, entity, kinds[entity], members)
      if (before !== null) return values
      const author = ownerOf(by.actor)
      await requireRoom(tx, config, author)
      return { ...values, author }
    },
    beforeRestore: (tx, row) => requireRoom(tx, config, row.owner_id),
    follow: async (tx, id, { before, values }) => {
      // Everybody forgets it, up to the version before; its owner gets it anew right behind.
      if (before?.shared === true && values['shared'] === false)
        tx.record('saved_view.hidden', { savedViewId: id, version: before.version }, { kind: 'tenant' })
    },
  }
}

/** What stays as it is, is not judged again: a custom field may have gone since. */
function newMembers({ before, values }: Change<SavedViewRow>): NewMembers {
  const names = ['entity', 'layout', 'filters', 'sort', 'columns'] as const
  return Object.fromEntries(
    names
      .filter((name) => values[name] !== undefined && !isDeepStrictEqual(values[name], before?.[name]))
      .map((name) => [name, values[name]]),
  )
}

function ownerOf(actor: Actor): string {
  if (actor.kind === 'system') throw new Failure('forbidden')
  return actor.id
}

/** Whoever saves one waits for their own other one, so that both are counted. */
async function requireRoom(
  tx: TenantTx,
  { SAVED_VIEWS: most }: Pick<Config, 'SAVED_VIEWS'>,
  owner: string,
): Promise<void> {
  await tx.query(
    `select pg_advisory_xact_lock(hashtextextended('switchboard saved views ' || $1 || ' ' || $2, 0))`,
    [tx.tenantId, owner],
  )
  const [found] = await tx.query<{ count: number }>(
    'select count(*) from saved_views where tenant_id = $1 and owner_id = $2 and deleted_at is null',
    [tx.tenantId, owner],
  )
  if ((found?.count ?? 0) >= most)
    throw new Failure('conflict', { limit: most }, { message: `there are ${most} saved views already` })
}
