import { makeOperatorKey } from '../../auth/operator-keys.ts'
import { Failure } from '../../contract/errors.ts'
import type { LogDeps } from '../../log/tenant-tx.ts'
import { uuidv7 } from '../../platform/uuid.ts'

/** What is known of a key of an operator; the key itself is known to its holder only. */
export interface OperatorKeyView {
  readonly id: string
  readonly name: string
  readonly prefix: string
  readonly expiresAt: string | null
  readonly madeBy: string
  readonly createdAt: string
  readonly lastUsedAt: string | null
  readonly revokedAt: string | null
  readonly revokedBy: string | null
}

type KeyDeps = Pick<LogDeps, 'db' | 'clock'>

/** Makes a key of an operator; `key` is the secret itself, which is seen this once. */
export async function createOperatorKey(
  { db, clock }: KeyDeps,
  by: string,
  input: { readonly name: string; readonly expiresAt: Date | null },
): Promise<{ key: string; id: string; prefix: string }> {
  const { key, prefix, hash } = makeOperatorKey()
  const now = clock.now()
  const id = uuidv7(now.getTime())
  await db.write.query('select make_operator_key($1, $2, $3, $4, $5, $6, $7)', [
    id,
    input.name,
    prefix,
    hash,
    input.expiresAt,
    by,
    now,
  ])
  return { key, id, prefix }
}

/** The newest first, with those that are revoked or over. */
export async function listOperatorKeys({ db }: Pick<LogDeps, 'db'>): Promise<OperatorKeyView[]> {
  const { rows } = await db.write.query<OperatorKeyView>(
    `select id, name, prefix, expires_at as "expiresAt", made_by as "madeBy", created_at as "createdAt",
       last_used_at as "lastUsedAt", revoked_at as "revokedAt", revoked_by as "revokedBy" from list_operator_keys()`,
  )
  return rows
}

/**
 * Ends a key for good, found by its id or its prefix; the next request with it is refused. `changed` is false when it was
 * revoked already. Fails with `not_found`, or with `conflict` when several keys begin so.
 */
export async function revokeOperatorKey(
  deps: KeyDeps,
  by: string,
  idOrPrefix: string,
): Promise<{ view: OperatorKeyView; changed: boolean }> {
  const found = (await listOperatorKeys(deps)).filter(
    ({ id, prefix }) => id === idOrPrefix || prefix === idOrPrefix,
  )
  const [view, another] = found
  if (!view) throw new Failure('not_found', { key: idOrPrefix })
  if (another) throw new Failure('conflict', { keys: found.map(({ id }) => id) })
  const { rows } = await deps.db.write.query<{ changed: boolean }>(
    'select revoke_operator_key($1, $2, $3) as changed',
    [view.id, by, deps.clock.now()],
  )
  return { view, changed: rows[0]?.changed === true }
}
