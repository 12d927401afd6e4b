import { createHash } from 'node:crypto'
import { Failure } from '../../contract/errors.ts'
import type { LogDeps } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'

export type AttemptDeps = Pick<LogDeps, 'db' | 'clock'> & {
  readonly config: Pick<Config, 'LOCAL_ATTEMPTS' | 'LOCAL_ATTEMPTS_PER_EMAIL' | 'LOCAL_LOCK_SECONDS'>
}

const keyOf = (...parts: readonly string[]): Buffer =>
  createHash('sha256').update(JSON.stringify(parts)).digest()

/**
 * Counts a try to sign in before its password is looked at, and answers with what takes it back when the password was right.
 * Per address of the mail and of the network together, so that a stranger cannot lock somebody out who sits elsewhere; and
 * per address of the mail with a higher limit, for strangers who sit everywhere. Counts addresses that nobody has as well.
 * Fails with `sign_in_locked`. Locks: the rows of the two keys, one after the other.
 */
export async function countAttempt(
  { db, clock, config }: AttemptDeps,
  email: string,
  ip: string | undefined,
): Promise<() => Promise<void>> {
  const at = clock.now()
  const keys = [
    { key: keyOf(email, ip ?? ''), most: config.LOCAL_ATTEMPTS },
    { key: keyOf(email), most: config.LOCAL_ATTEMPTS_PER_EMAIL },
  ]
  for (const { key, most } of keys) {
    const { rows } = await db.write.query<{ until: string | null }>(
      'select count_sign_in($1, $2, $3, $4) as until',
      [key, at, most, config.LOCAL_LOCK_SECONDS],
    )
    const until = rows[0]?.until ?? null
    if (until !== null)
      throw new Failure('sign_in_locked', { retryAfterMs: Math.max(1, Date.parse(until) - at.getTime()) })
  }
  return async () => {
    await db.write.query('select forget_sign_ins($1)', [keys.map(({ key }) => key)])
  }
}
