import { invalid } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'

/** Gives a customer exactly these tags. Fails with `validation_failed` for a tag that does not exist. */
export async function setTags(tx: TenantTx, customerId: number, tagIds: readonly number[]): Promise<void> {
  const known = await tx.query<{ id: number }>(
    'select id from tags where tenant_id = $1 and id = any($2) and deleted_at is null for key share',
    [tx.tenantId, tagIds],
  )
  const unknown = tagIds.find((id) => !known.some((tag) => tag.id === id))
  if (unknown !== undefined)
    throw invalid([
      { in: 'body', pointer: `/tags/${tagIds.indexOf(unknown)}`, message: 'there is no such tag' },
    ])
  await tx.query(
    'delete from customer_tags where tenant_id = $1 and customer_id = $2 and not tag_id = any($3)',
    [tx.tenantId, customerId, tagIds],
  )
  await tx.query(
    `insert into customer_tags (tenant_id, customer_id, tag_id, created_at)
     select $1, $2, t, $4 from unnest($3::integer[]) t on conflict do nothing`,
    [tx.tenantId, customerId, tagIds, tx.now],
  )
}
