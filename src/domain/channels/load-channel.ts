import type { ChannelStatus } from '../../providers/inbound.ts'
import type { ProviderChannel, ProviderName } from '../../providers/port.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { decryptSecrets, type EncryptionConfig } from './secrets.ts'

/** A channel with its secrets in the clear: for the call at hand, never to be logged, kept or answered with. */
export interface LoadedChannel extends ProviderChannel {
  readonly name: string
  readonly status: ChannelStatus
  /** Why nothing is sent; null when sending. */
  readonly stoppedReason: string | null
}

interface Row {
  id: string
  provider: ProviderName
  name: string
  status: ChannelStatus
  stopped_reason: string | null
  settings: Record<string, string>
  secrets: Buffer
}

/**
 * A live channel of this tenant as its adapter wants it; null when there is none (or it is another tenant's, or removed).
 * Takes an open transaction or `{ query }` of a tenant read. No locks.
 */
export async function loadChannelForProvider(
  tx: Pick<TenantTx, 'query'>,
  config: EncryptionConfig,
  id: string,
): Promise<LoadedChannel | null> {
  const [row] = await tx.query<Row>(
    `select id, provider, name, status, stopped_reason, settings, secrets from channels
     where tenant_id = (select current_tenant()) and id = $1 and deleted_at is null`,
    [id],
  )
  if (!row) return null
  return {
    id: row.id,
    provider: row.provider,
    name: row.name,
    status: row.status,
    stoppedReason: row.stopped_reason,
    settings: row.settings,
    secrets: decryptSecrets(config, row.secrets),
  }
}
