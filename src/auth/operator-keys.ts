import { Failure } from '../contract/errors.ts'
import type { LogDeps } from '../log/tenant-tx.ts'
import { isUnavailable } from '../platform/db.ts'
import { hashApiKey, makeSecret } from './api-keys.ts'

/** Whoever operates the installation, over REST. Of no tenant: nothing of src/auth/can.ts is theirs. */
export interface Operator {
  readonly id: string
  readonly name: string
}

/** Keys of operators look like `so_` and 43 characters of base64url (256 bits). */
const shape = /^so_[A-Za-z0-9_-]{43}$/

export const makeOperatorKey = (): ReturnType<typeof makeSecret> => makeSecret('so_')

export function isOperatorKey(credential: string): boolean {
  return shape.test(credential)
}

/** Whose key is this? Looked up each time, so that a key that is revoked is out at once. Fails with `unauthorized` or `token_expired`. */
export async function enterAsOperator(
  { db, clock }: Pick<LogDeps, 'db' | 'clock'>,
  key: string,
): Promise<Operator> {
  const now = clock.now()
  const [row] = await db.write
    .query<{ id: string; name: string; expires_at: string | null }>(
      'select id, name, expires_at from enter_with_operator_key($1, $2)',
      [hashApiKey(key), now],
    )
    .then(({ rows }) => rows)
    .catch((error: unknown) => {
      throw isUnavailable(error) ? new Failure('unavailable', {}, { cause: error }) : error
    })
  if (!row) throw new Failure('unauthorized')
  if (row.expires_at !== null && new Date(row.expires_at) <= now) throw new Failure('token_expired')
  return { id: row.id, name: row.name }
}
