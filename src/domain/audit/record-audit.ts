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

/**
 * Appends one row to the audit trail, in the transaction of the change itself: it is written with the commit, in the order
 * of commits (docs/crm.md, Audit). Secrets are masked on the way.
 */
export function recordAudit(tx: Pick<TenantTx, 'audit'>, entry: AuditEntry): void {
  const { by } = entry
  tx.audit({
    actor: presentActor(by.actor),
    action: entry.action,
    entity: entry.entity,
    entity_id: String(entry.entityId),
    before: maskSecrets(entry.before ?? null),
    after: maskSecrets(entry.after ?? null),
    ip: by.ip ?? null,
    request_id: by.requestId ?? null,
  })
}
