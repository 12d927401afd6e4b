import type { TenantTx } from '../../log/tenant-tx.ts'
import { uuidv7 } from '../../platform/uuid.ts'

/**
 * The ledger of what somebody said about marketing goes on with another contact: all of it, or `only` these; the ids of what went. A
 * word that is there already stays where it is. Call it with both contacts locked.
 */
export async function moveConsents(
  tx: TenantTx,
  { from, to }: { readonly from: number; readonly to: number },
  only: readonly string[] | null = null,
): Promise<string[]> {
  const moved = await tx.query<{ id: string }>(
    `update consents c set contact_id = $3
     where c.tenant_id = $1 and c.contact_id = $2 and ($4::uuid[] is null or c.id = any($4)) and not exists (
       select from consents o where o.tenant_id = $1 and o.contact_id = $3
         and o.category = c.category and o.occurred_at = c.occurred_at and o.granted = c.granted)
     returning c.id`,
    [tx.tenantId, from, to, only],
  )
  return moved.map(({ id }) => id)
}

/**
 * Two contacts were one since `since`, and are two again: whoever said no meanwhile may have been either of them, so it counts for
 * the other one too, with the same line in its ledger, unless that one has said something newer.
 */
export async function shareRefusal(
  tx: TenantTx,
  { from, to, since }: { readonly from: number; readonly to: number; readonly since: string },
): Promise<void> {
  const [refused] = await tx.query<{ occurred_at: string; ranked_at: string }>(
    `with refusal as (
       select c.occurred_at, c.detail, c.source, c.category, f.marketing_at from contacts f
         join consents c on c.tenant_id = $1 and c.contact_id = f.id and not c.granted and c.created_at >= $4::timestamptz
       where f.tenant_id = $1 and f.id = $2 and f.marketing = 'denied'
       order by c.occurred_at desc limit 1),
     written as (
       insert into consents (tenant_id, id, contact_id, category, granted, source, detail, occurred_at, created_at)
       select $1, $5, $3, r.category, false, r.source, r.detail, r.occurred_at, $6 from refusal r
       on conflict do nothing)
     select r.occurred_at, least(r.occurred_at, $6) as ranked_at from refusal r`,
    [tx.tenantId, from, to, since, uuidv7(tx.now.getTime()), tx.now],
  )
  if (!refused) return
  await tx.query(
    `update contacts set marketing = 'denied', marketing_at = $3
     where tenant_id = $1 and id = $2 and (marketing_at is null or marketing_at <= $3)`,
    [tx.tenantId, to, refused.ranked_at],
  )
}
