import type { TenantTx } from '../../log/tenant-tx.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'

type Query = TenantTx['query']

/** A delivery that is kept and not processed. */
export interface StuckDelivery {
  readonly id: number
  readonly channelId: string
  readonly provider: string
  readonly state: 'parked' | 'quarantined'
  readonly reason: string | null
  readonly attempts: number
  readonly receivedAt: string
}

export interface StuckFilter {
  readonly state?: StuckDelivery['state'] | undefined
  readonly channelId?: string | undefined
  readonly id?: number | undefined
  readonly limit: number
}

const columns = `w.id, w.channel_id as "channelId", w.provider, w.state, w.reason, w.attempts, w.received_at as "receivedAt"`
const matches = `w.tenant_id = (select current_tenant()) and w.state in ('parked', 'quarantined')
  and ($1::text is null or w.state = $1) and ($2::uuid is null or w.channel_id = $2) and ($3::bigint is null or w.id = $3)`

const valuesOf = ({ state, channelId, id, limit }: StuckFilter): unknown[] => [
  state ?? null,
  channelId ?? null,
  id ?? null,
  limit,
]

/** Deliveries of this tenant that are stuck, the oldest first. */
export function listStuckDeliveries(query: Query, filter: StuckFilter): Promise<StuckDelivery[]> {
  return query<StuckDelivery>(
    `select ${columns} from webhook_inbox w where ${matches} order by w.id limit $4`,
    valuesOf(filter),
  )
}

/** What became of deliveries that were to be tried again. */
export interface Redriven {
  readonly redriven: StuckDelivery[]
  /** Those that stay, each with the reason. */
  readonly left: { readonly delivery: StuckDelivery; readonly why: string }[]
}

/**
 * Puts stuck deliveries back in line with all their tries ahead of them; what of them was processed already is recognised
 * by its ids and not done twice. One of a number that was removed goes to the channel that this tenant has the number
 * connected as now. What cannot be processed now stays. Locks: the deliveries.
 */
export async function redriveDeliveries(tx: TenantTx, by: Doer, filter: StuckFilter): Promise<Redriven> {
  const found = await tx.query<StuckDelivery & { present: string | null; active: boolean; twin: boolean }>(
    `select ${columns}, n.id as present, t.status = 'active' as active,
            exists (select from webhook_inbox o where o.provider = w.provider and o.hash = w.hash and o.channel_id = n.id
                    and o.id <> w.id) as twin
     from webhook_inbox w join tenants t on t.id = w.tenant_id
     left join channels c on c.tenant_id = w.tenant_id and c.id = w.channel_id
     left join channels n on n.tenant_id = c.tenant_id and n.provider = c.provider and n.external_id = c.external_id
       and n.deleted_at is null
     where ${matches} order by w.id limit $4 for update of w`,
    valuesOf(filter),
  )
  const redriven: StuckDelivery[] = []
  const left: { delivery: StuckDelivery; why: string }[] = []
  for (const { present, active, twin, ...delivery } of found) {
    if (!active) left.push({ delivery, why: 'the tenant is suspended' })
    else if (present === null) left.push({ delivery, why: 'its number is not connected' })
    else {
      // The network sent it again after its number was connected anew: then that one is processed.
      await (twin
        ? tx.query(
            `update webhook_inbox set state = 'done', processed_at = $3 where tenant_id = $1 and id = $2`,
            [tx.tenantId, delivery.id, tx.now],
          )
        : tx.query(
            `update webhook_inbox set state = 'new', attempts = 0, reason = null, poison = null, processed_at = null,
               channel_id = $3 where tenant_id = $1 and id = $2`,
            [tx.tenantId, delivery.id, present],
          ))
      redriven.push({ ...delivery, channelId: present })
    }
  }
  for (const channelId of new Set(redriven.map((one) => one.channelId))) {
    const deliveries = redriven
      .filter((one) => one.channelId === channelId)
      .map(({ id, state }) => ({ id, state }))
    recordAudit(tx, {
      by,
      action: 'delivery.redrive',
      entity: 'channel',
      entityId: channelId,
      after: { deliveries },
    })
    tx.nudge('ingest-inbound', { channels: [{ tenantId: tx.tenantId, channelId }] })
  }
  return { redriven, left }
}
