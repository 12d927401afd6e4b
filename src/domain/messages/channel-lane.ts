import type { ChannelView } from '../../contract/channel.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { ProviderName } from '../../providers/port.ts'

/** A number as its senders see it: its budget, its pauses, and whether it works at all. Ages and waits in milliseconds. */
export interface LaneRow {
  tokens: number
  tokens_age_ms: number
  paused_ms: number | null
  pauses: number
  provider: ProviderName
  status: ChannelView['status']
  stopped_reason: string | null
  removed: boolean
  tenant_status: string
}

/** The lane, locked; made when the number has none yet. null when there is no such number. */
export async function lockLane(tx: TenantTx, channelId: string): Promise<LaneRow | null> {
  const lock = () =>
    tx.query<LaneRow>(
      `select l.tokens, extract(epoch from clock_timestamp() - l.tokens_at)::double precision * 1000 as tokens_age_ms,
              case when l.paused_until > clock_timestamp()
                then ceil(extract(epoch from l.paused_until - clock_timestamp()) * 1000)::integer end as paused_ms,
              l.pauses, ch.provider, ch.status, ch.stopped_reason, ch.deleted_at is not null as removed, t.status as tenant_status
       from channel_lanes l
       join channels ch on ch.tenant_id = l.tenant_id and ch.id = l.channel_id
       join tenants t on t.id = l.tenant_id
       where l.tenant_id = $1 and l.channel_id = $2 for update of l`,
      [tx.tenantId, channelId],
    )
  const [lane] = await lock()
  if (lane) return lane
  await tx.query(
    `insert into channel_lanes (tenant_id, channel_id) select tenant_id, id from channels where tenant_id = $1 and id = $2
     on conflict do nothing`,
    [tx.tenantId, channelId],
  )
  return (await lock())[0] ?? null
}

/** Whether a try of any message of the number is under way. */
export async function isProbing(tx: TenantTx, channelId: string): Promise<boolean> {
  const rows = await tx.query(
    `select 1 from send_attempts where tenant_id = $1 and channel_id = $2 and state = 'started' limit 1`,
    [tx.tenantId, channelId],
  )
  return rows.length > 0
}
