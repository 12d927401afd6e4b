import { isDeepStrictEqual } from 'node:util'
import type { CustomFieldEntity, CustomFieldView } from '../../contract/crm/custom-field.ts'
import type { RequestFault } from '../../contract/rest/problem.ts'
import { invalid, pointerOf } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Change } from '../records/record-kind.ts'
import { readCustomValue } from './custom-value.ts'

interface Definition extends Pick<CustomFieldView, 'key' | 'type' | 'options' | 'required'> {}

/**
 * Judges the custom fields of a record that is about to be written, for the `prepare` of its kind: `customFields` are all of
 * them (POST, PUT), `customFieldsPatch` those that are to change (PATCH). What comes back has them as they are kept.
 * A value that stays as it is, is not judged again, so that a definition that changed stops nobody. What is hidden, because
 * its definition was deleted, stays, but can be taken away with null.
 * Fails with `validation_failed` at `/customFields/key` for keys without a definition, values of another type and what is
 * required and not there.
 */
export async function prepareCustomValues(
  tx: TenantTx,
  entity: CustomFieldEntity,
  { before, values }: Change<{ readonly custom_fields: Record<string, unknown> }>,
): Promise<Change<unknown>['values']> {
  const { customFields: whole, customFieldsPatch: patch, ...members } = values
  const given = (whole ?? patch) as Readonly<Record<string, unknown>> | undefined
  if (given === undefined) return values
  const definitions = await definitionsIn(tx, entity)
  const defined = new Map(definitions.map((one) => [one.key, one]))
  const was = new Map(Object.entries(before?.custom_fields ?? {}))
  const kept = new Map([...was].filter(([key]) => patch !== undefined || !defined.has(key)))
  const faults = Object.entries(given).flatMap(([key, value]): RequestFault[] => {
    const read = readGiven(defined.get(key), was.get(key), value)
    if ('message' in read) return [faultAt(key, read.message)]
    if (read.value === undefined) kept.delete(key)
    else kept.set(key, read.value)
    return []
  })
  for (const { key, required } of definitions) {
    // A change of others may leave empty what was empty before it was required.
    const isTouched = patch === undefined || Object.hasOwn(given, key)
    if (required && isTouched && !kept.has(key) && !faults.some(({ pointer }) => pointer === pointerTo(key)))
      faults.push(faultAt(key, 'required'))
  }
  if (faults.length > 0) throw invalid(faults)
  return { ...members, customFields: Object.fromEntries(kept) }
}

const known = new WeakMap<TenantTx, Map<CustomFieldEntity, readonly Definition[]>>()

/** The definitions as a transaction first saw them: one that writes many records reads them once. */
async function definitionsIn(tx: TenantTx, entity: CustomFieldEntity): Promise<readonly Definition[]> {
  const ofTx = known.get(tx) ?? new Map<CustomFieldEntity, readonly Definition[]>()
  known.set(tx, ofTx)
  const definitions =
    ofTx.get(entity) ??
    (await tx.query<Definition>(
      'select key, type, options, required from custom_fields where tenant_id = $1 and entity = $2 and deleted_at is null',
      [tx.tenantId, entity],
    ))
  ofTx.set(entity, definitions)
  return definitions
}

type Read = { readonly value: unknown } | { readonly message: string }

/** Undefined is nothing. */
function readGiven(definition: Definition | undefined, was: unknown, value: unknown): Read {
  if (value === null || (typeof value === 'string' && value.trim() === '')) return { value: undefined }
  if (was !== undefined && isDeepStrictEqual(value, was)) return { value }
  return definition === undefined ? { message: 'there is no such field' } : readCustomValue(definition, value)
}

const pointerTo = (key: string): string => pointerOf(['customFields', key])
const faultAt = (key: string, message: string): RequestFault => ({
  in: 'body',
  pointer: pointerTo(key),
  message,
})
