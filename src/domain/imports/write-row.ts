import { z } from 'zod'
import type { Actor } from '../../auth/actor.ts'
import { Failure } from '../../contract/errors.ts'
import type { ImportView } from '../../contract/crm/import.ts'
import type { RequestFault } from '../../contract/rest/problem.ts'
import { idText } from '../records/common-filters.ts'
import { visibleTo } from '../records/list-records.ts'
import { createRecord, updateRecord } from '../records/write-record.ts'
import { invalid, parsePart } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Doer } from '../audit/record-audit.ts'
import type { Known } from './file-columns.ts'
import type { FileKind } from './file-kind.ts'
import type { RowInput } from './read-row.ts'

export type RowOutcome = 'created' | 'updated' | 'unchanged'

/** How the rows of a file are written. */
export interface Writing {
  readonly file: FileKind
  readonly known: Known
  readonly upsertKey: ImportView['upsertKey']
}

/**
 * Writes what a row says, as POST or PATCH of that record would: judged, told and put into the trail. With an upsert key it
 * changes the record that has it, if there is one, in the columns that the file has; empty cells empty them.
 * Fails as POST and PATCH do, or says what is wrong with the row.
 */
export async function writeRow(
  tx: TenantTx,
  by: Doer,
  { file, known, upsertKey }: Writing,
  row: RowInput,
): Promise<RowOutcome | { readonly fault: string }> {
  const { kind } = file
  const found = await findByKey(tx, by.actor, file, upsertKey, row)
  const whole = file.complete === undefined ? row : file.complete(known, row, found === undefined)
  if ('fault' in whole) return whole
  const { values, customFields } = whole
  if (found === undefined) {
    const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null))
    const input = judge(kind.whole, { ...given, customFields })
    await createRecord(tx, kind, by, input)
    return 'created'
  }
  const custom = Object.keys(customFields).length === 0 ? {} : { customFields }
  const input = judge(kind.part, { ...values, ...custom })
  const { version } = await updateRecord(tx, kind, by, found.id, input, null)
  return version === found.version ? 'unchanged' : 'updated'
}

/** As POST and PATCH judge an input; of a cell that has to say something and does not, in words for people with a file. */
function judge<Schema extends z.ZodType>(schema: Schema, values: object): z.infer<Schema> {
  try {
    return parsePart(schema, values, 'body')
  } catch (error) {
    const faults = error instanceof Failure ? error.details['errors'] : undefined
    if (!Array.isArray(faults)) throw error
    throw invalid(
      (faults as RequestFault[]).map((fault) =>
        / received (undefined|null)$/.test(fault.message) ? { ...fault, message: 'is missing' } : fault,
      ),
    )
  }
}

interface Found {
  id: number
  version: number
}

/** What the bringer does not see is not found: a file says no more than a list. */
async function findByKey(
  tx: TenantTx,
  actor: Actor,
  { kind, found }: FileKind,
  key: ImportView['upsertKey'],
  { texts, values }: RowInput,
): Promise<Found | undefined> {
  const text = key === 'none' ? undefined : texts.get(key)
  const condition = key === 'none' ? undefined : found[key]
  if (key === 'none' || text === undefined || condition === undefined) return undefined
  // As it will be kept: a number is compared without its blanks.
  const value =
    key === 'id'
      ? parsePart(z.strictObject({ id: idText }), { id: text }, 'body').id
      : (parsePart(kind.part, { [key]: values[key] }, 'body')[key] as string)
  const bound: unknown[] = [tx.tenantId, value]
  const rights = { ...kind.rights, read: kind.rights.write }
  const seen = visibleTo(actor, { rights }, (one) => `$${bound.push(one)}`)
  // Whoever sees none at all is told so when they write.
  const visible = seen === 'false' ? 'true' : seen
  const rows = await tx.query<Found>(
    `select r.id, r.version from ${kind.table} r
     where r.tenant_id = $1 and ${condition} and r.deleted_at is null and ${visible} order by r.id limit 2 for no key update`,
    bound,
  )
  if (rows.length > 1)
    throw new Failure('conflict', {}, { message: `more than one ${kind.noun} has this ${key}` })
  if (key === 'id' && rows.length === 0)
    throw new Failure('not_found', {}, { message: `there is no ${kind.noun} with this id` })
  return rows[0]
}

/** What is wrong with a row, in words; undefined when the failure is not about the row. */
export function complaintOf(error: unknown): string | undefined {
  if (!(error instanceof Failure) || error.code === 'unavailable' || error.code === 'forbidden')
    return undefined
  const { errors: faults, contactId } = error.details
  if (typeof contactId === 'number') return `${error.message} (contact ${contactId})`
  if (!Array.isArray(faults)) return error.message
  return (faults as RequestFault[])
    .map(({ pointer, message }) => `${pointer.slice(1).replaceAll('/', '.')}: ${message}`)
    .join('; ')
    .slice(0, 500)
}
