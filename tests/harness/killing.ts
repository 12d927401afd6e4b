import pg from 'pg'
import { expect } from 'vitest'
import type { Environment } from '../../src/platform/config.ts'
import type { JobName } from '../../src/platform/jobs.ts'
import { eventually } from './eventually.ts'
import type { Hub } from './hub.ts'
import type { Running } from './processes.ts'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

/**
 * Where a worker dies in a job. `before`: nothing is done yet. `between`: something is, at a network or of ours, and its outcome is
 * not written. `after`: the outcome is committed, and the worker does not know.
 */
export const boundaries = ['before', 'between', 'after'] as const
export type Boundary = (typeof boundaries)[number]

/** Begins the name of a test that kills a worker in this job (tests/scenarios/every-job-killed.test.ts). */
export const killed = (job: JobName, boundary: Boundary): string => `[A4] ${job}, ${boundary}:`

/** A superuser's session beside the hub, to hold locks that stop a worker at an exact place. */
export async function openSession(hub: Hub): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: hub.config.DATABASE_URL })
  await client.connect()
  hub.onClose(() => client.end())
  return client
}

/** Waits until a worker waits for a lock in a statement that holds these words; its sweep may wait beside it. */
export async function blockedAt(hub: Hub, words: string): Promise<void> {
  // Not a session that is in a transaction: it would see the same list of sessions all along.
  const client = await openSession(hub)
  await eventually(async () => {
    const { rows } = await client.query(
      `select 1 from pg_stat_activity where datname = current_database() and application_name = 'switchboard-workers'
       and wait_event_type = 'Lock' and query like '%' || $1 || '%'`,
      [words],
    )
    expect(rows).not.toEqual([])
  }, 30_000)
}

export async function kill(worker: Running): Promise<void> {
  await worker.kill()
  expect(await worker.ended()).toBe('SIGKILL')
}

/** A line to a server of the hub, and what makes a worker go by it. */
export async function lineTo(
  hub: Hub,
  setting: 'DATABASE_URL' | 'REDIS_URL',
): Promise<{ line: TcpProxy; environment: Environment }> {
  const url = new URL(hub.environment[setting] ?? '')
  const line = await startTcpProxy(Number(url.port))
  hub.onClose(async () => line[Symbol.asyncDispose]())
  url.port = String(line.port)
  return { line, environment: { [setting]: url.toString() } }
}
