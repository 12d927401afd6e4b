import { makeApiKey } from '../../auth/api-keys.ts'
import { actions } from '../../auth/can.ts'
import { Failure } from '../../contract/errors.ts'
import type { Role } from '../../contract/records.ts'
import { invalid } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { keyColumns, type KeyView } from './key-row.ts'

export interface NewKey {
  readonly name: string
  readonly role: Role
  /** Actions of src/auth/can.ts; none means all that the role may. */
  readonly scopes: readonly string[]
  /** null: it does not end by itself. */
  readonly expiresAt: Date | null
  /** null: as many as anybody. */
  readonly ratePerMinute: number | null
}

/**
 * Makes a key for a program. `key` is the secret itself, which is kept nowhere: this answer is the only time that it is
 * seen, and it must never be kept with an answer to be repeated. Fails with `validation_failed` for a scope that there is not, or an end that has passed.
 */
export async function createKey(
  tx: TenantTx,
  by: Doer,
  input: NewKey,
): Promise<{ key: string; view: KeyView }> {
  const unknown = input.scopes.filter((scope) => !actions.some((action) => action === scope))
  if (unknown.length > 0)
    throw invalid(
      unknown.map(
        (scope) => ({ in: 'body', pointer: '/scopes', message: `there is no action ${scope}` }) as const,
      ),
    )
  if (input.expiresAt !== null && input.expiresAt <= tx.now)
    throw invalid([{ in: 'body', pointer: '/expiresAt', message: 'has passed' }])
  const { key, prefix, hash } = makeApiKey()
  const [view] = await tx.query<KeyView>(
    `insert into api_keys (tenant_id, id, name, prefix, hash, role, scopes, expires_at, rate_per_minute, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning ${keyColumns}`,
    [
      tx.tenantId,
      uuidv7(tx.now.getTime()),
      input.name,
      prefix,
      hash,
      input.role,
      [...new Set(input.scopes)],
      input.expiresAt,
      input.ratePerMinute,
      tx.now,
    ],
  )
  if (!view) throw new Failure('internal')
  tx.record('key.created', { key: view }, { kind: 'admins' })
  recordAudit(tx, { by, action: 'key.create', entity: 'key', entityId: view.id, after: view })
  return { key, view }
}
