import type { TenantTx } from '../../log/tenant-tx.ts'
import type { ProviderName } from '../../providers/port.ts'

/** The number whose inbox is held until commit. */
export interface HeldInbox {
  readonly provider: ProviderName
  readonly settings: Readonly<Record<string, string>>
  /** The number was removed. */
  readonly removed: boolean
  /** Its tenant is not suspended. */
  readonly active: boolean
  /** Deliveries that failed before and wait for another try, the oldest of them; not locked. */
  readonly failed: readonly number[]
}

const columns = `c.provider, c.settings, c.deleted_at is not null as removed, t.status = 'active' as active,
  (select coalesce(json_agg(f.id), '[]') from (
     select w.id from webhook_inbox w where w.tenant_id = c.tenant_id and w.channel_id = c.id and w.state = 'new' and w.attempts > 0
     order by w.id limit k.most_failed) f) as failed`
const lock = `xact_lock(hashtextextended('switchboard ingest ' || k.channel_id::text, 0))`
/** Whether this transaction has or now takes the inbox of `k.channel_id`. */
export const hasInbox = `pg_try_advisory_${lock}`

/** Takes the inbox of a channel, for which it waits, until commit; of all processes one at a time has it (IN2). */
export async function holdInbox(
  tx: TenantTx,
  channelId: string,
  mostFailed: number,
): Promise<HeldInbox | undefined> {
  const [held] = await tx.query<HeldInbox>(
    `select ${columns} from (select $2::uuid as channel_id, $3::integer as most_failed) k, pg_advisory_${lock},
       channels c join tenants t on t.id = c.tenant_id where c.tenant_id = $1 and c.id = k.channel_id`,
    [tx.tenantId, channelId, mostFailed],
  )
  return held
}

/** The same without waiting; undefined when somebody else has it. */
export async function tryInbox(
  tx: TenantTx,
  channelId: string,
  mostFailed: number,
): Promise<HeldInbox | undefined> {
  const [held] = await tx.gather<HeldInbox>(
    `select h.* from json_to_recordset($1) as k(tenant_id uuid, channel_id uuid, most_failed integer) cross join lateral (
       select c.tenant_id, ${columns} from channels c join tenants t on t.id = c.tenant_id
       where c.tenant_id = k.tenant_id and c.id = k.channel_id limit 1) h
     where ${hasInbox}`,
    [{ channel_id: channelId, most_failed: mostFailed }],
  )
  return held
}
