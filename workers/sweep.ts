import type pg from 'pg'
import type { Deps } from '../src/deps.ts'
import { logFailure } from './outcome.ts'

export type SweepQuery = <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>

/** Something that is looked at from time to time, however many nudges were lost. */
export interface SweepTask {
  /** Unique; names the lock that keeps processes from doing it at the same time. */
  readonly name: string
  readonly everyMs: number
  /**
   * Finds work through the functions that see all tenants, and begins it. `query` runs on the connection that holds the
   * lock and sees no tenant's rows; whatever takes long is not awaited.
   */
  run(query: SweepQuery): Promise<void>
}

export interface Sweep {
  close(): Promise<void>
}

/**
 * The memory behind the nudges: does each task every so often, at once at the start, one process at a time per task. A
 * task that fails is logged and tried again at its next turn.
 */
export function startSweep(deps: Pick<Deps, 'db' | 'log'>, tasks: readonly SweepTask[]): Sweep {
  let closed = false
  const timers = new Set<NodeJS.Timeout>()
  const running = new Set<Promise<void>>()
  const turn = (task: SweepTask): void => {
    const done = runAlone(deps, task)
      .catch((error: unknown) => logFailure(deps.log, task.name, error))
      .finally(() => {
        running.delete(done)
        if (!closed) later(task, task.everyMs)
      })
    running.add(done)
  }
  const later = (task: SweepTask, ms: number): void => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      turn(task)
    }, ms)
    timers.add(timer)
  }
  for (const task of tasks) turn(task)
  return {
    close: async () => {
      closed = true
      for (const timer of timers) clearTimeout(timer)
      await Promise.all(running)
    },
  }
}

/**
 * Runs a task under a lock that ends with its transaction, so it survives a pooler in transaction mode and a process
 * that dies. Somebody else at it: nothing to do.
 */
async function runAlone(deps: Pick<Deps, 'db'>, task: SweepTask): Promise<void> {
  const client = await deps.db.write.connect()
  let broken: Error | undefined
  const onError = (error: Error) => {
    broken = error
  }
  client.on('error', onError)
  const query: SweepQuery = async <Row extends object>(text: string, values: readonly unknown[] = []) =>
    (await client.query<Row & pg.QueryResultRow>(text, values as unknown[])).rows
  try {
    await client.query('begin')
    const [lock] = await query<{ mine: boolean }>(
      `select pg_try_advisory_xact_lock(hashtextextended('switchboard sweep ' || current_schema() || ' ' || $1, 0)) as mine`,
      [task.name],
    )
    if (lock?.mine) await task.run(query)
    await client.query('commit')
  } catch (error) {
    await client.query('rollback').catch((failure: Error) => {
      broken ??= failure
    })
    throw error
  } finally {
    client.off('error', onError)
    client.release(broken)
  }
}
