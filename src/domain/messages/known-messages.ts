import type { TenantTx } from '../../log/tenant-tx.ts'

/** A message of a channel that the network speaks of and that we have. */
export interface KnownMessage {
  readonly id: string
  readonly direction: 'in' | 'out'
  readonly payload: Readonly<Record<string, unknown>>
}

/** Messages by the network's ids of them. */
export type KnownMessages = ReadonlyMap<string, KnownMessage>

/** Those of the network's ids that we have messages of, by that id. No locks. */
export async function findKnown(
  tx: TenantTx,
  channelId: string,
  providerMessageIds: readonly (string | null | undefined)[],
): Promise<KnownMessages> {
  const ids = [...new Set(providerMessageIds.filter((id) => typeof id === 'string'))]
  if (ids.length === 0) return new Map()
  const rows = await tx.gather<KnownMessage & { provider_message_id: string }>(
    `select k.* from json_to_recordset($1) as w(tenant_id uuid, channel_id uuid, provider_message_id text) cross join lateral (
       select m.tenant_id, m.id, m.direction, m.payload, m.provider_message_id from messages m
       where m.tenant_id = w.tenant_id and m.channel_id = w.channel_id and m.provider_message_id = w.provider_message_id
       limit 1) k`,
    ids.map((id) => ({ channel_id: channelId, provider_message_id: id })),
  )
  return new Map(rows.map(({ provider_message_id: providerId, ...row }) => [providerId, row]))
}
