import { Failure } from '../../contract/errors.ts'
import { readTenant } from '../../log/read-tenant.ts'
import { readersOfChannels } from '../../log/scope.ts'
import { inTenant } from '../../log/tenant-tx.ts'
import type { ConnectOutcome } from '../../providers/port.ts'
import { providers } from '../../providers/registry.ts'
import type { Doer } from '../audit/record-audit.ts'
import { lockChannel } from './find-channel.ts'
import { loadChannelForProvider } from './load-channel.ts'
import { presentChannel, webhookUrlOf } from './present-channel.ts'
import { providerIo } from './provider-io.ts'
import { applyReport, askProvider, type ProviderDeps } from './verify-channel.ts'

/**
 * What follows a new or changed channel once it is committed: networks that are told per channel learn where our
 * webhooks are, and the number is asked how it is. The outcome is shown in the channel's health and status; nothing that a
 * network does or fails to do takes the channel back.
 */
export async function connectChannel(deps: ProviderDeps, tenantId: string, id: string): Promise<void> {
  const outcome = await tellAddress(deps, tenantId, id)
  if (outcome !== null)
    await inTenant(deps, tenantId, async (tx) => {
      const channel = await lockChannel(tx, id)
      channel.health = { ...channel.health, webhook: shownOutcome(outcome) }
      channel.updatedAt = tx.now
      await tx.flush()
      tx.record('channel.updated', { channel: presentChannel(channel, deps.config) }, readersOfChannels)
    })
  try {
    const report = await askProvider(deps, tenantId, id)
    const by: Doer = { actor: { kind: 'system', tenantId, name: 'channel check' } }
    await inTenant(deps, tenantId, (tx) => applyReport(tx, deps, by, id, report))
  } catch (error) {
    // A network that does not answer says nothing about the number: it stays as it was made.
    if (!(error instanceof Failure && (error.code === 'provider_unreachable' || error.code === 'not_found')))
      throw error
  }
}

async function tellAddress(deps: ProviderDeps, tenantId: string, id: string): Promise<ConnectOutcome | null> {
  const known = await readTenant(deps, tenantId, async (query) => {
    const channel = await loadChannelForProvider({ query }, deps.config, id)
    const [row] = await query<{ webhook_key: string }>(
      'select webhook_key from channels where tenant_id = $1 and id = $2',
      [tenantId, id],
    )
    return channel && row ? { channel, key: row.webhook_key } : null
  })
  if (!known) return null
  const { channel, key } = known
  const { webhookSecret } = channel.secrets
  const webhook = {
    url: webhookUrlOf(channel.provider, key, deps.config),
    ...(webhookSecret === undefined ? {} : { secret: webhookSecret }),
  }
  return (await providers[channel.provider].connect?.(channel, webhook, providerIo(deps))) ?? null
}

function shownOutcome(outcome: ConnectOutcome): Record<string, unknown> {
  if (outcome.kind === 'connected') return { state: 'connected' }
  return {
    state: outcome.kind,
    code: outcome.error.code,
    title: outcome.error.title,
    detail: outcome.error.detail,
  }
}
