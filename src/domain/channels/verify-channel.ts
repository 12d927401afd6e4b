import { isDeepStrictEqual } from 'node:util'
import type { ChannelView } from '../../contract/channel.ts'
import { Failure } from '../../contract/errors.ts'
import { readersOfChannels } from '../../log/scope.ts'
import type { LogDeps, TenantTx } from '../../log/tenant-tx.ts'
import { readTenant } from '../../log/read-tenant.ts'
import type { ChannelReport } from '../../providers/port.ts'
import { providers } from '../../providers/registry.ts'
import type { Doer } from '../audit/record-audit.ts'
import { isDown } from '../messages/send-gate.ts'
import { askForTemplates } from '../templates/ask-for-templates.ts'
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
  const works = report.status === 'connected'
  const { lastError: _outdated, ...known } = channel.health
  const health = {
    ...(works ? known : channel.health),
    ...report.health,
    reason: report.reason ?? null,
    ...(report.qr === undefined ? {} : { qr: report.qr }),
  }
  const stoppedReason = works ? null : (channel.stoppedReason ?? null)
  const wasDown = isDown(channel.status, channel.stoppedReason ?? null)
  const isNews =
    channel.status !== report.status ||
    (channel.stoppedReason ?? null) !== stoppedReason ||
    !isDeepStrictEqual({ ...channel.health }, health)
  await rememberTold(tx, id, [...Object.keys(report.health), 'reason', 'qr'], works)
  if (works) await askForTemplates(tx, id)
  if (isNews) {
    channel.status = report.status
    channel.stoppedReason = stoppedReason
    channel.health = health
    channel.updatedAt = tx.now
    await tx.flush()
    auditChannel(tx, by, 'verify', id, before, auditedChannel(channel, deps.config))
    tx.record('channel.updated', { channel: presentChannel(channel, deps.config) }, readersOfChannels)
    if (wasDown && !isDown(channel.status, stoppedReason))
      tx.nudge('deliver-outbound', { tenantId: tx.tenantId, channelId: id })
  }
  return presentChannel(channel, deps.config, true)
}

/** News from before this answer that arrives after it must not undo it (NEWS1). The row is locked already; its version stays. */
async function rememberTold(
  tx: TenantTx,
  id: string,
  facts: readonly string[],
  works: boolean,
): Promise<void> {
  const now = tx.now.toISOString()
  const said = { status: now, ...(works ? { verdict: now } : {}) }
  await tx.query(
    `update channels set told = (case when $5 then told - 'stop' else told end) || $3::jsonb
       || jsonb_build_object('facts', coalesce(told->'facts', '{}') || $4::jsonb),
       restricted_until = case when $5 then null else restricted_until end
     where tenant_id = $1 and id = $2`,
    [
      tx.tenantId,
      id,
      JSON.stringify(said),
      JSON.stringify(Object.fromEntries(facts.map((name) => [name, now]))),
      works,
    ],
  )
}
