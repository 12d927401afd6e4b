import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import pg from 'pg'
import type { Environment } from '../../src/platform/config.ts'
import type { Hub } from '../harness/hub.ts'

const main = join(import.meta.dirname, '../../src/cli/main.ts')

/** How a command ended. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function start(environment: Environment, args: readonly string[]) {
  return spawn(process.execPath, [main, ...args], {
    env: {
      PATH: process.env['PATH'],
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      ...environment,
    } as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** Runs a command line as an operator does, in a process of its own. */
export async function cli(environment: Environment, ...args: string[]): Promise<Ended> {
  const child = start(environment, args)
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number | null]>,
  ])
  return { code, stdout, stderr }
}

/** As `cli` with --json: the exit code and what stands on standard output. */
export async function cliJson<Answer>(
  environment: Environment,
  ...args: string[]
): Promise<{ code: number | null; answer: Answer }> {
  const { code, stdout, stderr } = await cli(environment, ...args, '--json')
  try {
    return { code, answer: JSON.parse(stdout) as Answer }
  } catch (error) {
    throw new Error(`no JSON from ${args.join(' ')} (${code}): ${stdout}${stderr}`, { cause: error })
  }
}

/** A command that goes on, line by line. */
export function follow(environment: Environment, ...args: string[]) {
  const child = start(environment, args)
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  return {
    next: async (): Promise<string> => String((await lines.next()).value),
    stop: async (signal: NodeJS.Signals): Promise<number | null> => {
      child.kill(signal)
      const [code] = (await once(child, 'exit')) as [number | null]
      return code
    },
  }
}

/** The trail of a tenant, the newest last. */
export async function trailOf(
  hub: Hub,
  tenantId = hub.tenant.id,
): Promise<{ action: string; actor: { name: string } }[]> {
  return asSuperuser(hub, async (query) => {
    const { rows } = await query('select action, actor from audit_logs where tenant_id = $1 order by id', [
      tenantId,
    ])
    return rows as { action: string; actor: { name: string } }[]
  })
}

/** Statements above row security: what an accident or a restored backup does. */
export async function asSuperuser<T>(
  hub: Pick<Hub, 'config'>,
  work: (query: (text: string, values?: unknown[]) => Promise<pg.QueryResult>) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: hub.config.DATABASE_URL })
  await client.connect()
  try {
    return await work((statement, values) => client.query(statement, values))
  } finally {
    await client.end()
  }
}

/** What production must be told beside a hub's own settings. */
export const production: Environment = {
  NODE_ENV: 'production',
  ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
}
