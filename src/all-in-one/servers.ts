import { resolve } from 'node:path'
import type { ServedConfig } from '../deps.ts'
import { startEmbedded } from '../embedded/servers.ts'
import type { Config } from '../platform/config.ts'
import type { Opened } from './opened.ts'
import { CannotStart } from './program.ts'
import type { Progress } from './progress.ts'

/** The servers that the settings name; in place of those that they do not name, embedded ones are started under DATA_DIR. */
export async function startServers(given: Config, opened: Opened, progress: Progress): Promise<ServedConfig> {
  const need = {
    postgres: given.DATABASE_URL === undefined,
    redis: given.REDIS_URL.length === 0,
    objectStore: given.S3_ENDPOINT === undefined,
  }
  const names = [
    ...(need.postgres ? ['PostgreSQL'] : []),
    ...(need.redis ? ['Redis'] : []),
    ...(need.objectStore ? ['an object store'] : []),
  ]
  if (names.length === 0) return given as ServedConfig
  progress.say(`starting ${names.join(', ')}; data in ${resolve(given.DATA_DIR)}`)
  const embedded = await startEmbedded({
    dataDir: given.DATA_DIR,
    need,
    log: (line) => progress.say(line),
    lost: (why) => opened.lose(why),
  }).catch((error: Error) => {
    throw new CannotStart(withReason(error), { cause: error })
  })
  opened.defer(() => embedded.stop(), { urgent: true })
  opened.before(() => embedded.hurry())
  const { postgres, redis, objectStore: store } = embedded
  return {
    ...given,
    DATABASE_URL: given.DATABASE_URL ?? postgres?.url ?? '',
    S3_ENDPOINT: given.S3_ENDPOINT ?? store?.endpoint ?? '',
    REDIS_URL: redis ? [redis.url] : given.REDIS_URL,
    ...(store && {
      S3_REGION: store.region,
      S3_ACCESS_KEY: store.accessKey,
      S3_SECRET_KEY: store.secretKey,
    }),
  }
}

/** What a program of others said when it failed is the reason that helps: a full disk, a mirror that is away. */
function withReason({ message, cause }: Error): string {
  const said = ((cause as { stderr?: string } | undefined)?.stderr ?? '').trim()
  return said === '' ? message : `${message}\n  because: ${said.replaceAll('\n', '\n  ')}`
}
