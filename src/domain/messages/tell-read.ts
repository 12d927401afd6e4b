import { readTenant } from '../../log/read-tenant.ts'
import type { Identity } from '../../providers/inbound.ts'
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
 * Tells the customer how far we read: up to the newest message of theirs that an agent has seen, never further. That one
 * of us writes is told only where an answer could be sent: in the window, where the network has one, and not to somebody
 * who is blocked. Best effort: what a network does not take is not tried again, and of a worker that dies over it another one
 * tells the same once more (OUT12). What gets lost is a blue tick.
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
  { tenantId, conversationId, typing }: Reading,
): Promise<{ channel: LoadedChannel; providerMessageId: string; chat: Identity[] } | null> {
  return readTenant(deps, tenantId, async (query) => {
    const [seen] = await query<{
      channel_id: string
      provider_message_id: string
      window_expires_at: string | null
      blocked: boolean
      identities: Identity[]
    }>(
      `select c.channel_id, m.provider_message_id, c.window_expires_at, ct.blocked,
              coalesce((select json_agg(json_build_object('kind', i.kind, 'value', i.value))
                        from contact_identities i where i.tenant_id = c.tenant_id and i.contact_id = c.contact_id), '[]') as identities
       from conversations c join contacts ct on ct.tenant_id = c.tenant_id and ct.id = c.contact_id cross join lateral (
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
    if (typing && (seen.blocked || !isWindowOpen(deps, channel, seen.window_expires_at))) return null
    return { channel, providerMessageId: seen.provider_message_id, chat: seen.identities }
  })
}

function isWindowOpen(deps: PerformDeps, channel: LoadedChannel, expiresAt: string | null): boolean {
  if (!providers[channel.provider].rules.window) return true
  return expiresAt !== null && new Date(expiresAt) > deps.clock.now()
}
