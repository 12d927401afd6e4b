import { randomBytes } from 'node:crypto'
import { UniqueConstraintViolationException } from '@mikro-orm/postgresql'
import { requireStanding } from '../../auth/standing.ts'
import type { ChannelView } from '../../contract/channel.ts'
import { Failure } from '../../contract/errors.ts'
import type { NewChannel } from '../../contract/rest/channels.ts'
import { readersOfChannels } from '../../log/scope.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import type { Doer } from '../audit/record-audit.ts'
import { auditChannel, auditedChannel } from './audit-channel.ts'
import { Channel } from './channel.entity.ts'
import { externalIdOf, partsOf } from './channel-parts.ts'
import { type AddressConfig, presentChannel } from './present-channel.ts'
import { type EncryptionConfig, encryptSecrets } from './secrets.ts'

export type ChannelConfig = EncryptionConfig & AddressConfig

/**
 * Connects a number. A Cloud number may send at once: Meta knows it already and refuses by itself what is wrong; an
 * Evolution instance is `connecting` until its server says that it is open.
 * Fails with `conflict` when somebody, here or in another tenant, has the number; which one is not told; and as standing.ts has
 * it. Locks: the actor's row.
 */
export async function createChannel(
  tx: TenantTx,
  deps: { readonly config: ChannelConfig },
  by: Doer,
  input: NewChannel,
): Promise<ChannelView> {
  await requireStanding(tx, by.actor)
  const { settings, secrets } = partsOf(input)
  const channel = tx.em.create(Channel, {
    id: uuidv7(tx.now.getTime()),
    tenantId: tx.tenantId,
    provider: input.provider,
    name: input.name,
    status: input.provider === 'evolution' ? 'connecting' : 'connected',
    stoppedReason: null,
    settings,
    secrets: encryptSecrets(deps.config, secrets),
    ...externalIdOf(input),
    webhookKey: randomBytes(32).toString('base64url'),
    health: {},
    version: 1,
    createdAt: tx.now,
    updatedAt: tx.now,
    deletedAt: null,
  })
  try {
    await tx.flush()
  } catch (error) {
    if (error instanceof UniqueConstraintViolationException)
      throw new Failure('conflict', {}, { cause: error })
    throw error
  }
  await tx.query('insert into channel_lanes (tenant_id, channel_id) values ($1, $2)', [
    tx.tenantId,
    channel.id,
  ])
  auditChannel(tx, by, 'create', channel.id, null, auditedChannel(channel, deps.config))
  tx.record('channel.created', { channel: presentChannel(channel, deps.config) }, readersOfChannels)
  return presentChannel(channel, deps.config, true)
}
