import { LockMode } from '@mikro-orm/postgresql'
import { Failure } from '../../contract/errors.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { Channel } from './channel.entity.ts'

/** A live channel of this tenant as an entity, locked until commit. Fails with `not_found`. */
export async function lockChannel(tx: TenantTx, id: string): Promise<Channel> {
  const channel = await tx.em.findOne(
    Channel,
    { id, tenantId: tx.tenantId, deletedAt: null },
    { lockMode: LockMode.PESSIMISTIC_WRITE },
  )
  if (!channel) throw new Failure('not_found')
  return channel
}
