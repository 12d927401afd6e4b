import type { CustomerView } from '../../contract/crm/customer.ts'
import { Failure } from '../../contract/errors.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Doer } from '../audit/record-audit.ts'
import { invalid } from '../../http/faults.ts'
import { lockRecord } from '../records/find-record.ts'
import { updateRecord } from '../records/write-record.ts'
import { customerKind } from './customer-kind.ts'

/**
 * Puts a tag on a customer or takes it off; when that is already so, nothing changes. Records `customer.updated`.
 * Fails with `not_found` for a customer or a tag that does not exist.
 */
export async function tagCustomer(
  tx: TenantTx,
  by: Doer,
  { id, tagId, wanted }: { readonly id: number; readonly tagId: number; readonly wanted: boolean },
): Promise<CustomerView> {
  const { tags } = await lockRecord(tx, customerKind, id)
  if (!(await isTag(tx, tagId))) throw new Failure('not_found')
  const others = tags.filter((other) => other !== tagId)
  const after = wanted ? [...others, tagId].sort((one, other) => one - other) : others
  return updateRecord(tx, customerKind, by, id, { tags: after }, null)
}

/** Fails with `validation_failed` at `/tagId` when there is no such tag. */
export async function requireTag(tx: TenantTx, tagId: number): Promise<void> {
  if (!(await isTag(tx, tagId)))
    throw invalid([{ in: 'body', pointer: '/tagId', message: 'there is no such tag' }])
}

async function isTag(tx: TenantTx, tagId: number): Promise<boolean> {
  const [tag] = await tx.query('select 1 from tags where tenant_id = $1 and id = $2 and deleted_at is null', [
    tx.tenantId,
    tagId,
  ])
  return tag !== undefined
}
