import {
  type CustomFieldEntity,
  type CustomFieldView,
  customFieldView,
  customFieldEntities,
} from '../../contract/crm/custom-field.ts'
import { customFieldPart, wholeCustomField } from '../../contract/rest/custom-fields.ts'
import { Failure } from '../../contract/errors.ts'
import { invalid } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import { containing, oneOf, timeFilters, timeSorts } from '../records/common-filters.ts'
import type { Change, RecordKind, RecordRow } from '../records/record-kind.ts'

interface CustomFieldRow extends RecordRow {
  entity: CustomFieldEntity
  key: string
  label: string
  type: CustomFieldView['type']
  options: string[]
  required: boolean
  position: number
}

/** What a record's values depend on; another one would have another meaning. */
const lasting = ['entity', 'key', 'type'] as const

/**
 * Fields that a tenant gives its records. A deleted one keeps its key and its values, and hides them: no screen shows what has
 * no definition, nothing new is written there, and all is as it was when it comes back.
 */
export function customFieldKind(
  config: Pick<Config, 'CUSTOM_FIELDS'>,
): RecordKind<CustomFieldRow, CustomFieldView> {
  return {
    noun: 'custom_field',
    path: 'custom-fields',
    table: 'custom_fields',
    select: `r.id, r.entity, r.key, r.label, r.type, r.options, r.required, r.position,
      r.version, r.created_at, r.updated_at, r.deleted_at`,
    joins: '',
    members: {
      entity: { column: 'entity', type: 'text' },
      key: { column: 'key', type: 'text' },
      label: { column: 'label', type: 'text' },
      type: { column: 'type', type: 'text' },
      options: { column: 'options', type: 'text[]' },
      required: { column: 'required', type: 'boolean' },
      position: { column: 'position', type: 'integer' },
    },
    view: customFieldView,
    whole: wholeCustomField,
    part: customFieldPart,
    filters: {
      q: containing('search_key(r.label)'),
      entity: oneOf('r.entity', customFieldEntities),
      ...timeFilters,
    },
    sorts: {
      position: { sql: 'r.position', type: 'integer', order: 'asc' },
      label: { sql: 'lower(r.label)', type: 'text', order: 'asc' },
      ...timeSorts,
    },
    sortedBy: 'position',
    present: (row) => ({
      id: row.id,
      entity: row.entity,
      key: row.key,
      label: row.label,
      type: row.type,
      options: row.options,
      required: row.required,
      position: row.position,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
      deletedAt: row.deleted_at,
      version: row.version,
    }),
    rights: { read: 'record.read', write: 'field.manage' },
    constraints: { custom_fields_one_per_key: 'key' },
    prepare: async (tx, change) => {
      if (change.before === null) await requireRoom(tx, config, String(change.values['entity']))
      return judge(change)
    },
    beforeRestore: (tx, row) => requireRoom(tx, config, row.entity),
  }
}

async function judge({ before, values }: Change<CustomFieldRow>): Promise<Change<CustomFieldRow>['values']> {
  const changed = lasting.filter(
    (member) => before !== null && values[member] !== undefined && values[member] !== before[member],
  )
  if (changed.length > 0)
    throw invalid(
      changed.map((member) => ({ in: 'body', pointer: `/${member}`, message: 'cannot be changed any more' })),
    )
  const type = values['type'] ?? before?.type
  const options = (values['options'] ?? before?.options ?? []) as readonly string[]
  if ((type === 'list') !== options.length > 0)
    throw invalid([
      {
        in: 'body',
        pointer: '/options',
        message: type === 'list' ? 'a list needs options' : 'only a list has options',
      },
    ])
  return values
}

/** Whoever makes one waits for who makes another one, so that both are counted. */
async function requireRoom(
  tx: TenantTx,
  { CUSTOM_FIELDS: most }: Pick<Config, 'CUSTOM_FIELDS'>,
  entity: string,
): Promise<void> {
  await tx.query(`select pg_advisory_xact_lock(hashtextextended('switchboard custom fields ' || $1, 0))`, [
    tx.tenantId,
  ])
  const [found] = await tx.query<{ count: number }>(
    'select count(*) from custom_fields where tenant_id = $1 and entity = $2 and deleted_at is null',
    [tx.tenantId, entity],
  )
  if ((found?.count ?? 0) >= most)
    throw new Failure('conflict', { limit: most }, { message: `there are ${most} custom fields already` })
}
