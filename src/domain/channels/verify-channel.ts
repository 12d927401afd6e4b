import { isDeepStrictEqual } from 'node:util'
import type { ChannelView } from '../../contract/channel.ts'
import { Failure } from '../../contract/errors.ts'
import type { LogDeps, TenantTx } from '../../log/tenant-tx.ts'
import { readTenant } from '../../log/tenant-tx.ts'
import type { ChannelReport } from '../../providers/port.ts'
import { providers } from '../../providers/registry.ts'
import type { Doer } from '../audit/record-audit.ts'
import { auditChannel, auditedChannel } from './audit-channel.ts'
import type { ChannelConfig } from './create-channel.ts'
import { lockChannel } from './find-channel.ts'
import { loadChannelForProvider } from './load-channel.ts'
import { presentChannel } from './present-channel.ts'
import { providerIo } from './provider-io.ts'

export type ProviderDeps = LogDeps & Parameters<typeof providerIo>[0] & { readonly config: ChannelConfig }

/**
 * What the network says of the number now; a call over the wire, so never inside a transaction.
 * Fails with `not_found`, or with `provider_unreachable` when the network does not answer.
 */
export async function askProvider(deps: ProviderDeps, tenantId: string, id: string): Promise<ChannelReport> {
  const channel = await readTenant(deps, tenantId, (query) =>
    loadChannelForProvider({ query }, deps.config, id),
  )
  if (!channel) throw new Failure('not_found')
  return providers[channel.provider].verify(channel, providerIo(deps))
}

/**
 * Writes a report down: status and health are the network's, and a number that works may send again whatever stopped it.
 * A report that says what was known already changes nothing.
 */
export async function applyReport(
  tx: TenantTx,
  deps: { readonly config: ChannelConfig },
  by: Doer,
  id: string,
  report: ChannelReport,
): Promise<ChannelView> {
  const channel = await lockChannel(tx, id)
  const before = auditedChannel(channel, deps.config)
  const { lastError: _outdated, ...known } = channel.health
  const health = {
    ...(report.status === 'connected' ? known : channel.health),
    ...report.health,
    reason: report.reason ?? null,
    ...(report.qr === undefined ? {} : { qr: report.qr }),
  }
  const stoppedReason = report.status === 'connected' ? null : (channel.stoppedReason ?? null)
  const isNews =
    channel.status !== report.status ||
    (channel.stoppedReason ?? null) !== stoppedReason ||
    !isDeepStrictEqual({ ...channel.health }, health)
  if (isNews) {
    channel.status = report.status
    channel.stoppedReason = stoppedReason
    channel.health = health
    channel.updatedAt = tx.now
    await tx.flush()
    await auditChannel(tx, by, 'verify', id, before, auditedChannel(channel, deps.config))
    tx.record('channel.updated', { channel: presentChannel(channel, deps.config) }, { kind: 'tenant' })
  }
  return presentChannel(channel, deps.config, true)
}
