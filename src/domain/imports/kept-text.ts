import type { ImportView } from '../../contract/crm/import.ts'
import { idText } from '../records/common-filters.ts'
import type { RecordKind } from '../records/record-kind.ts'
import type { RowInput } from './read-row.ts'

/**
 * By what a row finds its record, as records keep it and with the name of the key (`email a@b.example`, in lower case): two rows
 * with the same text mean the same record. Undefined when it has no key, or one that nothing can have.
 */
export function keptText(
  kind: Pick<RecordKind, 'part'>,
  upsertKey: ImportView['upsertKey'],
  { texts, values }: RowInput,
): string | undefined {
  if (upsertKey === 'none' || !texts.has(upsertKey)) return undefined
  if (upsertKey === 'id') {
    const id = idText.safeParse(texts.get('id'))
    return id.success ? `id ${id.data}` : undefined
  }
  const kept = kind.part.safeParse({ [upsertKey]: values[upsertKey] }).data?.[upsertKey]
  return typeof kept === 'string' ? `${upsertKey} ${kept.toLowerCase()}` : undefined
}
