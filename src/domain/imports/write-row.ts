import { z } from 'zod'
import { Failure } from '../../contract/errors.ts'
import type { ImportView } from '../../contract/crm/import.ts'
import type { RequestFault } from '../../contract/rest/problem.ts'
import { idText } from '../records/common-filters.ts'
import { createRecord, updateRecord } from '../records/write-record.ts'
import { parsePart } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Doer } from '../audit/record-audit.ts'
import { customerKind } from '../customers/customer-kind.ts'
import type { RowInput } from './read-row.ts'

export type RowOutcome = 'created' | 'updated' | 'unchanged'

/**
 * Writes what a row says, as POST or PATCH of that customer would: judged, told and put into the trail. With an upsert key it
 * changes the customer that has it, if there is one, in the columns that the file has; empty cells empty them.
 * Fails as POST and PATCH do.
 */
export async function writeRow(
  tx: TenantTx,
  by: Doer,
  upsertKey: ImportView['upsertKey'],
  row: RowInput,
): Promise<RowOutcome> {
  const found = await findByKey(tx, upsertKey, row)
  if (found === undefined) {
    const given = Object.fromEntries(Object.entries(row.values).filter(([, value]) => value !== null))
    const input = parsePart(customerKind.whole, { ...given, customFields: row.customFields }, 'body')
    await createRecord(tx, customerKind, by, input)
    return 'created'
  }
  const custom = Object.keys(row.customFields).length === 0 ? {} : { customFields: row.customFields }
  const input = parsePart(customerKind.part, { ...row.values, ...custom }, 'body')
  const { version } = await updateRecord(tx, customerKind, by, found.id, input, null)
  return version === found.version ? 'unchanged' : 'updated'
}

interface Found {
  id: number
  version: number
}

const conditions = {
  email: 'id in (select customer_id from customers_with_email($2))',
  phone: 'phone = $2',
  id: 'id = $2::integer',
} as const

async function findByKey(
  tx: TenantTx,
  key: ImportView['upsertKey'],
  { texts, values }: RowInput,
): Promise<Found | undefined> {
  const text = key === 'none' ? undefined : texts.get(key)
  if (key === 'none' || text === undefined) return undefined
  // As it will be kept: a number is compared without its blanks.
  const value =
    key === 'id'
      ? parsePart(z.strictObject({ id: idText }), { id: text }, 'body').id
      : (parsePart(customerKind.part, { [key]: values[key] }, 'body')[key] as string)
  const rows = await tx.query<Found>(
    `select id, version from customers where tenant_id = $1 and ${conditions[key]} and deleted_at is null order by id limit 2 for no key update`,
    [tx.tenantId, value],
  )
  if (rows.length > 1)
    throw new Failure('conflict', {}, { message: `more than one customer has this ${key}` })
  if (key === 'id' && rows.length === 0)
    throw new Failure('not_found', {}, { message: 'there is no customer with this id' })
  return rows[0]
}

/** What is wrong with a row, in words; undefined when the failure is not about the row. */
export function complaintOf(error: unknown): string | undefined {
  if (!(error instanceof Failure) || error.code === 'unavailable' || error.code === 'forbidden')
    return undefined
  const faults = error.details['errors']
  if (!Array.isArray(faults)) return error.message
  return (faults as RequestFault[])
    .map(({ pointer, message }) => `${pointer.slice(1).replaceAll('/', '.')}: ${message}`)
    .join('; ')
    .slice(0, 500)
}
