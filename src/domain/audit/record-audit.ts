import { type Actor, presentActor } from '../../auth/actor.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { maskSecrets } from './mask-secrets.ts'

/** Whose doing it was and where it came from; a request's context is one. */
export interface Doer {
  readonly actor: Actor
  readonly ip?: string | undefined
  readonly requestId?: string | undefined
}

export interface AuditEntry {
  readonly by: Doer
  /** Noun and verb, such as `channel.create`. */
  readonly action: string
  /** Kind of the thing, such as `channel`. */
  readonly entity: string
  readonly entityId: string | number
  /** The thing before and after, as far as it helps to understand the change; null when there was or is none. */
  readonly before?: object | null
  readonly after?: object | null
}

/** Appends one row to the audit trail, in the transaction of the change itself. Secrets are masked on the way. */
export async function recordAudit(
  tx: Pick<TenantTx, 'query' | 'tenantId' | 'now'>,
  entry: AuditEntry,
): Promise<void> {
  const { by } = entry
  await tx.query(
    `insert into audit_logs (tenant_id, actor, action, entity, entity_id, before, after, ip, request_id, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      tx.tenantId,
      JSON.stringify(presentActor(by.actor)),
      entry.action,
      entry.entity,
      String(entry.entityId),
      jsonOf(entry.before),
      jsonOf(entry.after),
      by.ip ?? null,
      by.requestId ?? null,
      tx.now,
    ],
  )
}

function jsonOf(thing: object | null | undefined): string | null {
  return thing === undefined || thing === null ? null : JSON.stringify(maskSecrets(thing))
}
