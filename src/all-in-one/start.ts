import { Failure } from '../contract/errors.ts'
import { type Deps, openDeps } from '../deps.ts'
import { createTenant } from '../domain/tenants/create-tenant.ts'
import { bootProblems } from '../platform/boot-guard.ts'
import { type Config, ConfigError, describeConfig } from '../platform/config.ts'
import { isUnavailable } from '../platform/db.ts'
import { migrateUp } from '../platform/migrate.ts'
import type { Pages } from '../rest/server.ts'
import { requireFreePort } from './free-port.ts'
import type { Opened } from './opened.ts'
import { startParts } from './parts.ts'
import { CannotStart } from './program.ts'
import type { Progress } from './progress.ts'
import { startServers } from './servers.ts'

export interface AllInOne {
  readonly deps: Deps
  /** Where everything is, BASE_PATH included. */
  readonly url: string
}

/**
 * Servers, schema, the first tenant, and then the gateway, REST and the workers in this process on one port. `pages`: served there
 * too.
 */
export async function startAllInOne(
  given: Config,
  opened: Opened,
  progress: Progress,
  pages?: Pages,
): Promise<AllInOne> {
  await requireFreePort(given)
  const made = describeConfig(given).filter(({ source }) => source === 'made')
  if (made.length > 0)
    progress.say(
      `secrets that development made and keeps in ${given.DATA_DIR}: ${made.map(({ name }) => name).join(', ')}`,
    )
  const config = await startServers(given, opened, progress)
  await progress.step('database schema', () => migrateUp(config).catch(databaseTrouble), applied)
  const deps = openDeps(config, 'hub')
  opened.defer(() => deps.close())
  const problems = await bootProblems(deps)
  if (problems.length > 0) throw new ConfigError(problems)
  await ensureTenant(deps, config.JWT_TENANT, config.JWT_TENANT)
  await deps.storage.ready().catch(storeTrouble)
  const port = await progress.step(config.RUN.join(', '), () => startParts(deps, opened, pages))
  const host = config.HOST === '0.0.0.0' || config.HOST === '::' ? 'localhost' : config.HOST
  return { deps, url: `http://${host}:${port}${config.BASE_PATH}` }
}

/** A database that somebody gave and that is not there is the reader's to repair; anything else is a fault of ours. */
function databaseTrouble(error: unknown): never {
  const { code = '', message } = error as { code?: string; message: string }
  const why = isUnavailable(error)
    ? `does not answer (${message})`
    : /^(28|3D)/.test(code) && `refuses us (${message})`
  if (!why) throw error
  throw new CannotStart(`PostgreSQL ${why}; see whether it runs and what DATABASE_URL says`, { cause: error })
}

/** What an object store says to keys that it does not know, or that may not do what we must. */
const refusals = ['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'AccessDenied']

/** The same of an object store. */
function storeTrouble(error: unknown): never {
  if (!(error instanceof Failure && error.code === 'unavailable')) throw error
  const { code = '' } = (error.cause ?? {}) as { code?: string }
  if (refusals.includes(code))
    throw new CannotStart(
      `the object store refuses us (${code}); see what S3_ACCESS_KEY, S3_SECRET_KEY and S3_BUCKET say`,
      { cause: error },
    )
  const why = error.cause instanceof Error ? ` (${error.cause.message})` : ''
  throw new CannotStart(
    `the object store does not answer${why}; see whether it runs and what S3_ENDPOINT says`,
    { cause: error },
  )
}

const applied = (names: readonly string[]): string =>
  names.length === 0 ? 'current' : `${names.length} migrations applied`

/** The tenant with this slug, made when there is none; its id. */
export async function ensureTenant(deps: Deps, slug: string, name: string): Promise<string> {
  const find = async (): Promise<string | undefined> => {
    const { rows } = await deps.db.write.query<{ id: string }>('select id from find_tenant($1)', [slug])
    return rows[0]?.id
  }
  return (await find()) ?? (await createTenant(deps, { slug, name })).id
}
