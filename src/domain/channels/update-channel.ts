import { isDeepStrictEqual } from 'node:util'
import { requireStanding } from '../../auth/standing.ts'
import type { ChannelView } from '../../contract/channel.ts'
import type { ChannelPatch } from '../../contract/rest/channels.ts'
import { type ExpectedVersions, requireVersion } from '../../http/conditional.ts'
import { invalid } from '../../http/faults.ts'
import { readersOfChannels } from '../../log/scope.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Doer } from '../audit/record-audit.ts'
import { auditChannel, auditedChannel } from './audit-channel.ts'
import { changedParts, foreignMembers } from './channel-parts.ts'
import type { ChannelConfig } from './create-channel.ts'
import { lockChannel } from './find-channel.ts'
import { presentChannel } from './present-channel.ts'
import { decryptSecrets, encryptSecrets } from './secrets.ts'

/**
 * Changes a channel's name, settings or secrets; secrets are encrypted anew with the present key. A change that changes
 * nothing leaves no trace.
 * Fails with `not_found`, `precondition_failed`, or `validation_failed` for a member of another network, and as standing.ts has it.
 * Locks: the actor's row, the channel.
 */
export async function updateChannel(
  tx: TenantTx,
  deps: { readonly config: ChannelConfig },
  by: Doer,
  id: string,
  patch: ChannelPatch,
  expected: ExpectedVersions,
): Promise<ChannelView> {
  await requireStanding(tx, by.actor)
  const channel = await lockChannel(tx, id)
  requireVersion(expected, channel)
  const foreign = foreignMembers(channel.provider, patch)
  if (foreign.length > 0)
    throw invalid(
      foreign.map((name) => ({
        in: 'body',
        pointer: `/${name}`,
        message: `a channel of ${channel.provider} has none`,
      })),
    )
  const before = auditedChannel(channel, deps.config)
  const secretsBefore = decryptSecrets(deps.config, Buffer.from(channel.secrets))
  const { settings, secrets } = changedParts(
    channel.provider,
    { settings: channel.settings, secrets: secretsBefore },
    patch,
  )
  const changed =
    (patch.name !== undefined && patch.name !== channel.name) ||
    !isDeepStrictEqual(settings, { ...channel.settings }) ||
    !isDeepStrictEqual(secrets, secretsBefore)
  if (changed) {
    channel.name = patch.name ?? channel.name
    channel.settings = settings
    channel.accountId = settings.wabaId ?? null
    channel.secrets = encryptSecrets(deps.config, secrets)
    channel.updatedAt = tx.now
    await tx.flush()
    auditChannel(tx, by, 'update', id, before, auditedChannel(channel, deps.config))
    tx.record('channel.updated', { channel: presentChannel(channel, deps.config) }, readersOfChannels)
  }
  return presentChannel(channel, deps.config, true)
}
