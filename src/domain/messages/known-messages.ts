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
  const rows = await tx.query<KnownMessage & { provider_message_id: string }>(
    `select id, direction, payload, provider_message_id from messages
     where tenant_id = $1 and channel_id = $2 and provider_message_id = any($3)`,
    [tx.tenantId, channelId, ids],
  )
  return new Map(rows.map(({ provider_message_id: providerId, ...row }) => [providerId, row]))
}
