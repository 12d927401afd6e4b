import { z } from 'zod'
import type { CustomFieldEntity } from '../../contract/crm/custom-field.ts'
import type { SavedViewView } from '../../contract/crm/saved-view.ts'
import { Failure } from '../../contract/errors.ts'
import type { RequestFault } from '../../contract/rest/problem.ts'
import { invalid, parsePart, pointerOf } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { customQuery, readWanted } from '../custom-fields/filter-by-values.ts'
import type { ViewedKind } from './viewed-kinds.ts'

/** Members of a view that are new to it. */
export type NewMembers = Partial<Pick<SavedViewView, 'entity' | 'layout' | 'filters' | 'sort' | 'columns'>>

/**
 * Sees that the list of this kind takes what a view asks of it: filters with their values, the sort, and columns that its
 * records have. Fails with `validation_failed` at each of them.
 */
export async function judgeView(
  tx: TenantTx,
  entity: SavedViewView['entity'],
  kind: ViewedKind,
  { layout, filters, sort, columns }: NewMembers,
): Promise<void> {
  const faults: RequestFault[] = []
  const fault = (path: readonly PropertyKey[], message: string) =>
    faults.push({ in: 'body', pointer: pointerOf(path), message })
  if (layout === 'board' && entity !== 'deal') fault(['layout'], 'only deals have a board')
  if (typeof sort === 'string' && !Object.hasOwn(kind.sorts, sort))
    fault(['sort'], `expected one of ${Object.keys(kind.sorts).join(', ')}`)
  if (columns !== undefined) {
    const known = await columnsOf(tx, kind)
    for (const [at, column] of columns.entries())
      if (!known.has(column)) fault(['columns', at], 'there is no such column')
  }
  if (filters !== undefined) faults.push(...(await faultsIn(() => judgeFilters(tx, kind, filters))))
  if (faults.length > 0) throw invalid(faults)
}

async function columnsOf(tx: TenantTx, { view, customFields }: ViewedKind): Promise<ReadonlySet<string>> {
  const members = view instanceof z.ZodObject ? Object.keys(view.shape) : []
  if (customFields === undefined) return new Set(members)
  const defined = await tx.query<{ key: string }>(
    'select key from custom_fields where tenant_id = $1 and entity = $2 and deleted_at is null',
    [tx.tenantId, customFields],
  )
  return new Set([...members, ...defined.map(({ key }) => `customFields.${key}`)])
}

async function judgeFilters(
  tx: TenantTx,
  { filters, customFields }: ViewedKind,
  given: SavedViewView['filters'],
): Promise<void> {
  const shape = {
    ...Object.fromEntries(Object.entries(filters).map(([name, { schema }]) => [name, schema.optional()])),
    ...(customFields !== undefined && { cf: customQuery.optional() }),
    deleted: z.enum(['with', 'only']).optional(),
  }
  const { filters: read } = parsePart(
    z.strictObject({ filters: z.strictObject(shape) }),
    { filters: given },
    'body',
  )
  if (customFields !== undefined && given['cf'] !== undefined)
    await judgeValues(tx, customFields, (read as { readonly cf: readonly string[] }).cf)
}

/** The same faults as those of the list, where the view has them. */
async function judgeValues(tx: TenantTx, entity: CustomFieldEntity, cf: readonly string[]): Promise<void> {
  const faults = await faultsIn(() => readWanted(tx.query.bind(tx), tx.tenantId, entity, cf))
  if (faults.length > 0)
    throw invalid(faults.map((one) => ({ ...one, in: 'body', pointer: `/filters${one.pointer}` })))
}

/** What `validation_failed` says, as a list; none when all is well. */
async function faultsIn(judge: () => Promise<unknown>): Promise<readonly RequestFault[]> {
  try {
    await judge()
    return []
  } catch (error) {
    if (error instanceof Failure && error.code === 'validation_failed')
      return error.details['errors'] as readonly RequestFault[]
    throw error
  }
}
