import { presentActor } from '../../auth/actor.ts'
import { makeApiKey } from '../../auth/api-keys.ts'
import { actions } from '../../auth/can.ts'
import { requireStanding } from '../../auth/standing.ts'
import type { KeyDetail } from '../../contract/access.ts'
import { Failure } from '../../contract/errors.ts'
import type { Role } from '../../contract/records.ts'
import { invalid } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { keyColumns, presentKey } from './key-row.ts'

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
 * seen, and it must never be kept with an answer to be repeated. Fails with `validation_failed` for a scope that there is not, or an end that has passed,
 * with `forbidden` when a key makes one that outlives it or may ask more often, and as standing.ts has it. Locks: the actor's row.
 */
export async function createKey(
  tx: TenantTx,
  by: Doer,
  input: NewKey,
): Promise<{ key: string; view: KeyDetail }> {
  await requireStanding(tx, by.actor)
  const unknown = input.scopes.filter((scope) => !actions.some((action) => action === scope))
  if (unknown.length > 0)
    throw invalid(
      unknown.map(
        (scope) => ({ in: 'body', pointer: '/scopes', message: `there is no action ${scope}` }) as const,
      ),
    )
  if (input.expiresAt !== null && input.expiresAt <= tx.now)
    throw invalid([{ in: 'body', pointer: '/expiresAt', message: 'has passed' }])
  if (by.actor.kind === 'key') await requireNoMore(tx, by.actor.id, input)
  const { key, prefix, hash } = makeApiKey()
  const maker = presentActor(by.actor)
  const [view] = await tx.query<KeyDetail>(
    `insert into api_keys (tenant_id, id, name, prefix, hash, role, scopes, expires_at, rate_per_minute, created_at,
       maker_kind, maker_id, maker_name)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) returning ${keyColumns}`,
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
      maker.kind,
      'id' in maker ? maker.id : null,
      maker.name,
    ],
  )
  if (!view) throw new Failure('internal')
  const shown = presentKey(view)
  tx.record('key.created', { key: shown }, { kind: 'admins' })
  recordAudit(tx, { by, action: 'key.create', entity: 'key', entityId: view.id, after: shown })
  return { key, view }
}

/** As with rights: a key gives none of what it does not have, or it would live on in its own likeness. */
async function requireNoMore(tx: TenantTx, id: string, { expiresAt, ratePerMinute }: NewKey): Promise<void> {
  const found = await tx.query(
    `select 1 from api_keys where tenant_id = $1 and id = $2 and coalesce(expires_at, 'infinity') >= coalesce($3::timestamptz, 'infinity')
       and (rate_per_minute is null or rate_per_minute >= $4::integer)`,
    [tx.tenantId, id, expiresAt, ratePerMinute],
  )
  if (found.length === 0) throw new Failure('forbidden', { lacking: ['expiresAt', 'ratePerMinute'] })
}
