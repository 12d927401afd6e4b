import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { type MessageUpdate, targetOf } from './message-update.ts'

/** How long news about unknown messages is kept, and how much of it. */
export type ParkingLimits = Pick<
  Config,
  'PARKED_UPDATE_HOURS' | 'PARKED_UPDATES_PER_MESSAGE' | 'PARKED_UPDATES_PER_CHANNEL'
>

/**
 * The right to park news of a channel, alone, until commit. Whoever makes a message known holds the same lock shared
 * before it looks for parked news (take_parked_updates), so of the two that meet one sees the other: either the news finds
 * the message when it is looked for again under this lock, or the message finds the news. Comes after all locks of rows.
 */
export async function holdParking(tx: TenantTx, channelId: string): Promise<void> {
  await tx.query(`select pg_advisory_xact_lock(hashtextextended('switchboard parking ' || $1, 0))`, [
    channelId,
  ])
}

/**
 * Keeps news whose message nobody knows, in the order given; what is here already is left alone. When there is too much
 * about one message or for one channel, the oldest goes: news that will find its message does so soon.
 * The parking must be held.
 */
export async function park(
  tx: TenantTx,
  channelId: string,
  updates: readonly MessageUpdate[],
  limits: ParkingLimits,
): Promise<void> {
  const items = updates.map((update) => ({ id: uuidv7(), target: targetOf(update), item: update }))
  await tx.query(
    `insert into parked_updates (tenant_id, id, channel_id, provider_message_id, item, expires_at, created_at)
     select $1, v.id, $2, v.target, v.item, $4::timestamptz + make_interval(hours => $5), $4
     from json_to_recordset($3) as v(id uuid, target text, item jsonb)
     where not exists (
       select from parked_updates p where p.tenant_id = $1 and p.channel_id = $2
         and p.provider_message_id = v.target and p.item = v.item)`,
    [tx.tenantId, channelId, JSON.stringify(items), tx.now, limits.PARKED_UPDATE_HOURS],
  )
  await tx.query(
    `delete from parked_updates p using (
       select o.id from unnest($3::text[]) as t(target) cross join lateral (
         select n.id from parked_updates n
         where n.tenant_id = $1 and n.channel_id = $2 and n.provider_message_id = t.target
         order by n.id desc offset $4) o
       union
       (select n.id from parked_updates n where n.tenant_id = $1 and n.channel_id = $2 order by n.id desc offset $5)
     ) gone where p.tenant_id = $1 and p.id = gone.id`,
    [
      tx.tenantId,
      channelId,
      [...new Set(items.map(({ target }) => target))],
      limits.PARKED_UPDATES_PER_MESSAGE,
      limits.PARKED_UPDATES_PER_CHANNEL,
    ],
  )
}

/**
 * Those of the network's ids that parked news speaks of. Whoever processes the inbox of a channel is alone in parking for it,
 * so it may ask before it makes the messages. No locks.
 */
export async function awaitedIds(
  tx: TenantTx,
  channelId: string,
  providerMessageIds: readonly string[],
): Promise<ReadonlySet<string>> {
  if (providerMessageIds.length === 0) return new Set()
  const rows = await tx.gather<{ provider_message_id: string }>(
    `select w.tenant_id, w.provider_message_id
     from json_to_recordset($1) as w(tenant_id uuid, channel_id uuid, provider_message_id text) cross join lateral (
       select from parked_updates p
       where p.tenant_id = w.tenant_id and p.channel_id = w.channel_id and p.provider_message_id = w.provider_message_id
       limit 1) p`,
    providerMessageIds.map((id) => ({ channel_id: channelId, provider_message_id: id })),
  )
  return new Set(rows.map((row) => row.provider_message_id))
}

/** Takes the parked news about messages that are known now, in the order it came. */
export async function takeParked(
  tx: TenantTx,
  channelId: string,
  providerMessageIds: readonly string[],
): Promise<MessageUpdate[]> {
  const rows = await tx.query<{ item: Stored<MessageUpdate> }>(
    'select item from take_parked_updates($1, $2)',
    [channelId, providerMessageIds],
  )
  return rows.map(({ item }) => ({ ...item, at: new Date(item.at) }) as MessageUpdate)
}

/** As JSON has it. */
type Stored<Update> = Update extends MessageUpdate ? Omit<Update, 'at'> & { at: string } : never
