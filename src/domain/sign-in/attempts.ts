import { createHash } from 'node:crypto'
import { Failure } from '../../contract/errors.ts'
import type { LogDeps } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import { networkOf } from '../../platform/network-of.ts'

export type AttemptDeps = Pick<LogDeps, 'db' | 'clock'> & {
  readonly config: Pick<Config, 'LOCAL_ATTEMPTS' | 'LOCAL_ATTEMPTS_PER_EMAIL' | 'LOCAL_LOCK_SECONDS'>
}

/** Words that name what was tried: an address as it was asked for, or an account. */
export type Target = readonly string[]

/** A try that was counted. */
export interface Tried {
  /** Until when no more are taken; null when this one is. */
  readonly until: Date | null
  readonly keys: readonly Buffer[]
}

const keyOf = (...parts: readonly string[]): Buffer =>
  createHash('sha256').update(JSON.stringify(parts)).digest()

/**
 * Counts tries at these targets before a password is looked at. Per target and network of whoever tries together, so that a
 * stranger cannot lock somebody out who sits elsewhere; and per target with a higher limit, for strangers who sit
 * everywhere, which the tries of a network that is locked do not reach. Locks: the rows of the keys.
 */
export async function countTries(
  deps: AttemptDeps,
  targets: readonly Target[],
  ip: string | undefined,
): Promise<Tried[]> {
  const { LOCAL_ATTEMPTS, LOCAL_ATTEMPTS_PER_EMAIL } = deps.config
  const network = networkOf(ip ?? '')
  const near = targets.map((target) => keyOf(...target, network))
  const far = targets.map((target) => keyOf(...target))
  const nearLocks = await count(deps, near, LOCAL_ATTEMPTS)
  const farLocks = await count(
    deps,
    far.filter((_, place) => nearLocks.get(hex(near[place])) === null),
    LOCAL_ATTEMPTS_PER_EMAIL,
  )
  return targets.map((_, place) => {
    const keys = [near[place], far[place]].filter((key) => key !== undefined)
    const until = nearLocks.get(hex(near[place])) ?? farLocks.get(hex(far[place])) ?? null
    return { until, keys }
  })
}

/** As `countTries`, for one target that whoever asks knows of. Fails with `sign_in_locked`. */
export async function countAttempt(
  deps: AttemptDeps,
  target: Target,
  ip: string | undefined,
): Promise<Tried> {
  const [tried] = await countTries(deps, [target], ip)
  if (!tried) throw new Failure('internal')
  const { until } = tried
  if (until === null) return tried
  const retryAfterMs = Math.max(1, until.getTime() - deps.clock.now().getTime())
  throw new Failure('sign_in_locked', { retryAfterMs })
}

/** The password was right: these tries, and those before them, do not count. */
export async function takeBack({ db }: Pick<AttemptDeps, 'db'>, tries: readonly Tried[]): Promise<void> {
  await db.write.query('select forget_sign_ins($1)', [tries.flatMap(({ keys }) => keys)])
}

const hex = (key: Buffer | undefined): string => key?.toString('hex') ?? ''

/** By key: until when it is locked, or null. In one order, so that two do not wait for each other. */
async function count(
  { db, clock, config }: AttemptDeps,
  keys: readonly Buffer[],
  most: number,
): Promise<Map<string, Date | null>> {
  if (keys.length === 0) return new Map()
  const { rows } = await db.write.query<{ key: Buffer; until: string | null }>(
    'select key, count_sign_in(key, $2, $3, $4) as until from unnest($1::bytea[]) as key',
    [keys.toSorted((one, other) => one.compare(other)), clock.now(), most, config.LOCAL_LOCK_SECONDS],
  )
  return new Map(rows.map(({ key, until }) => [hex(key), until === null ? null : new Date(until)]))
}
