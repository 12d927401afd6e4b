import { readTenant } from '../../log/tenant-tx.ts'
import type { Identity } from '../../providers/port.ts'
import { providers } from '../../providers/registry.ts'
import { type LoadedChannel, loadChannelForProvider } from '../channels/load-channel.ts'
import { providerIo } from '../channels/provider-io.ts'
import type { PerformDeps } from './perform-send.ts'
import { isDown } from './send-gate.ts'

/** A conversation that an agent has read, or, with `typing`, writes in. */
export interface Reading {
  readonly tenantId: string
  readonly conversationId: string
  readonly typing?: boolean
}

/**
 * Tells the customer how far we read: up to the newest message of theirs that an agent has seen, never further. Best
 * effort, tried once: what gets lost is a blue tick.
 */
export async function tellRead(deps: PerformDeps, reading: Reading): Promise<void> {
  const found = await findSeen(deps, reading)
  if (found === null) return
  const { channel, providerMessageId, chat } = found
  const outcome = await providers[channel.provider].markRead(
    channel,
    { providerMessageId, chat, typing: reading.typing ?? false },
    providerIo(deps),
  )
  if (outcome.kind !== 'accepted')
    deps.log.debug(
      { conversationId: reading.conversationId, error: outcome.error },
      'a read mark was not taken',
    )
}

function findSeen(
  deps: PerformDeps,
  { tenantId, conversationId }: Reading,
): Promise<{ channel: LoadedChannel; providerMessageId: string; chat: Identity[] } | null> {
  return readTenant(deps, tenantId, async (query) => {
    const [seen] = await query<{ channel_id: string; provider_message_id: string; identities: Identity[] }>(
      `select c.channel_id, m.provider_message_id,
              coalesce((select json_agg(json_build_object('kind', i.kind, 'value', i.value))
                        from contact_identities i where i.tenant_id = c.tenant_id and i.contact_id = c.contact_id), '[]') as identities
       from conversations c cross join lateral (
         select provider_message_id from messages m
         where m.tenant_id = c.tenant_id and m.conversation_id = c.id and m.seq <= c.read_seq
           and m.direction = 'in' and m.provider_message_id is not null
         order by m.seq desc limit 1
       ) m where c.tenant_id = $1 and c.id = $2`,
      [tenantId, conversationId],
    )
    if (!seen) return null
    const channel = await loadChannelForProvider({ query }, deps.config, seen.channel_id)
    if (channel === null || isDown(channel.status, channel.stoppedReason)) return null
    return { channel, providerMessageId: seen.provider_message_id, chat: seen.identities }
  })
}
