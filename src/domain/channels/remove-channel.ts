import { requireStanding } from '../../auth/standing.ts'
import { readersOfChannels } from '../../log/scope.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Doer } from '../audit/record-audit.ts'
import { type ExpectedVersions, requireVersion } from '../../http/conditional.ts'
import { auditChannel, auditedChannel } from './audit-channel.ts'
import type { ChannelConfig } from './create-channel.ts'
import { lockChannel } from './find-channel.ts'
import { encryptSecrets } from './secrets.ts'

/**
 * Takes a number out of service. Its conversations stay readable; its secrets are thrown away at once, its webhooks
 * are nobody's from now on, and the number may be connected anew, here or elsewhere.
 * Fails with `not_found` or `precondition_failed`, and as standing.ts has it. Locks: the actor's row, the channel.
 */
export async function removeChannel(
  tx: TenantTx,
  deps: { readonly config: ChannelConfig },
  by: Doer,
  id: string,
  expected: ExpectedVersions,
): Promise<void> {
  await requireStanding(tx, by.actor)
  const channel = await lockChannel(tx, id)
  requireVersion(expected, channel)
  const before = auditedChannel(channel, deps.config)
  channel.status = 'removed'
  channel.secrets = encryptSecrets(deps.config, {})
  channel.deletedAt = tx.now
  channel.updatedAt = tx.now
  await tx.flush()
  auditChannel(tx, by, 'delete', id, before, null)
  tx.record('channel.removed', { channelId: id }, readersOfChannels)
}
