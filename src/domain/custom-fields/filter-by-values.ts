import { z } from 'zod'
import type { CustomFieldEntity, CustomFieldView } from '../../contract/crm/custom-field.ts'
import type { RequestFault } from '../../contract/rest/problem.ts'
import { invalid } from '../../http/faults.ts'
import type { Bind, Query, Walk } from '../records/record-kind.ts'
import { readCustomCell } from './custom-cells.ts'
import { readCustomValue } from './custom-value.ts'

/** `cf=plan:pro` in the query of a list, once for each field that is filtered by. */
export const customQuery = z
  .union([z.string(), z.array(z.string())])
  .transform((given) => (typeof given === 'string' ? [given] : given))

/** Matches that are looked up one by one; when there are more, a walk along the list's own order finds a page of them soon. */
const fewMatches = 5000

interface Definition extends Pick<CustomFieldView, 'key' | 'type' | 'options'> {}

/**
 * The condition on `r` that custom fields have exactly these values, each written as in a CSV file (`vip:true`, `size:12.5`,
 * `budget:120050 EUR`). Two statements. Fails with `validation_failed` for a field that is not there and for what it
 * cannot have: at `/cf`, or `/cf/1` when there are several.
 */
export async function hasValues(
  query: Query,
  tenantId: string,
  kind: { readonly table: string; readonly customFields: CustomFieldEntity },
  asked: readonly string[],
  bind: Bind,
): Promise<string | Walk> {
  const wanted = JSON.stringify(await readWanted(query, tenantId, kind.customFields, asked))
  const found = await query<{ record_id: number }>(
    `select record_id from ${kind.table}_with_values($1, $2)`,
    [wanted, fewMatches + 1],
  )
  return found.length > fewMatches
    ? { walk: (later) => `r.custom_fields @> ${later(wanted)}::jsonb` }
    : `r.id = any (${bind(found.map((row) => row.record_id))}::integer[])`
}

/** The values by key that `cf` asks for, as records keep them. Fails as hasValues does. */
export async function readWanted(
  query: Query,
  tenantId: string,
  entity: CustomFieldEntity,
  asked: readonly string[],
): Promise<Readonly<Record<string, unknown>>> {
  const definitions = await query<Definition>(
    'select key, type, options from custom_fields where tenant_id = $1 and entity = $2 and deleted_at is null',
    [tenantId, entity],
  )
  const wanted = new Map<string, unknown>()
  const faults = asked.flatMap((text, at): RequestFault[] => {
    const [key, value] = splitAsked(text)
    const read = readAsked(definitions, key, value)
    if ('value' in read && !wanted.has(key)) {
      wanted.set(key, read.value)
      return []
    }
    const message = 'message' in read ? read.message : 'each field only once'
    return [{ in: 'query', pointer: asked.length === 1 ? '/cf' : `/cf/${at}`, message }]
  })
  if (faults.length > 0) throw invalid(faults)
  return Object.fromEntries(wanted)
}

function splitAsked(text: string): [key: string, value: string] {
  const colon = text.indexOf(':')
  return colon === -1 ? [text.trim(), ''] : [text.slice(0, colon).trim(), text.slice(colon + 1).trim()]
}

function readAsked(
  definitions: readonly Definition[],
  key: string,
  text: string,
): { readonly value: unknown } | { readonly message: string } {
  const definition = definitions.find((one) => one.key === key)
  if (definition === undefined) return { message: `there is no field ${JSON.stringify(key.slice(0, 100))}` }
  if (text === '') return { message: `expected a field and its value, such as ${key}:…` }
  const cell = readCustomCell(definition.type, text)
  const read = 'fault' in cell ? { message: cell.fault } : readCustomValue(definition, cell.value)
  return 'message' in read ? { message: `${key}: ${read.message}` } : read
}
