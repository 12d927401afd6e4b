import { invalid } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'

/**
 * Gives a customer exactly these tags. Fails with `validation_failed` for a tag that does not exist. One that was deleted may stay on
 * whom it is on, so that writing back what was read changes nothing, but is given to nobody.
 */
export async function setTags(tx: TenantTx, customerId: number, tagIds: readonly number[]): Promise<void> {
  const known = await tx.query<{ id: number }>(
    `select t.id from tags t where t.tenant_id = $1 and t.id = any($2) and (t.deleted_at is null or exists (
       select from customer_tags ct where ct.tenant_id = $1 and ct.customer_id = $3 and ct.tag_id = t.id)) for key share`,
    [tx.tenantId, tagIds, customerId],
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
