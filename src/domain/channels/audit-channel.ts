import type { TenantTx } from '../../log/tenant-tx.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import type { Channel } from './channel.entity.ts'
import { decryptSecrets, type EncryptionConfig } from './secrets.ts'

/** What the trail keeps of a channel: its setup with the names of its secrets, whose values are masked on the way. */
export function auditedChannel(channel: Channel, config: EncryptionConfig): Record<string, unknown> {
  return {
    name: channel.name,
    provider: channel.provider,
    status: channel.status,
    stoppedReason: channel.stoppedReason ?? null,
    settings: channel.settings,
    ...decryptSecrets(config, Buffer.from(channel.secrets)),
  }
}

export function auditChannel(
  tx: TenantTx,
  by: Doer,
  verb: 'create' | 'update' | 'delete' | 'verify',
  id: string,
  before: object | null,
  after: object | null,
): void {
  recordAudit(tx, { by, action: `channel.${verb}`, entity: 'channel', entityId: id, before, after })
}
