import type { TenantTx } from '../../log/tenant-tx.ts'

/** Deals that are in any of these stages and not deleted. */
export async function countDeals(tx: TenantTx, stageIds: readonly number[]): Promise<number> {
  const [row] = await tx.query<{ deals: number }>(
    'select count(*) as deals from deals where tenant_id = $1 and stage_id = any($2) and deleted_at is null',
    [tx.tenantId, stageIds],
  )
  return row?.deals ?? 0
}
