import { type Deps, openDeps } from '../deps.ts'
import { createTenant } from '../domain/tenants/create-tenant.ts'
import { bootProblems } from '../platform/boot-guard.ts'
import { type Config, ConfigError, describeConfig } from '../platform/config.ts'
import { migrateUp } from '../platform/migrate.ts'
import type { Pages } from '../rest/server.ts'
import { requireFreePort } from './free-port.ts'
import type { Opened } from './opened.ts'
import { startParts } from './parts.ts'
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
  await progress.step('database schema', () => migrateUp(config), applied)
  const deps = openDeps(config, 'hub')
  opened.defer(() => deps.close())
  const problems = await bootProblems(deps)
  if (problems.length > 0) throw new ConfigError(problems)
  await ensureTenant(deps, config.JWT_TENANT, config.JWT_TENANT)
  await deps.storage.ready()
  const port = await progress.step(config.RUN.join(', '), () => startParts(deps, opened, pages))
  const host = config.HOST === '0.0.0.0' || config.HOST === '::' ? 'localhost' : config.HOST
  return { deps, url: `http://${host}:${port}${config.BASE_PATH}` }
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
