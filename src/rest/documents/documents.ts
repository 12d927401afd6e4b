import manifest from '../../../package.json' with { type: 'json' }
import type { Config } from '../../platform/config.ts'
import type { Operation } from '../operations.ts'
import { asyncApiOf } from './asyncapi.ts'
import { openApiOf } from './openapi.ts'

/** What describes us to programs: the OpenAPI document of REST and the AsyncAPI document of the socket. */
export interface Documents {
  readonly openapi: Readonly<Record<string, unknown>>
  readonly asyncapi: Readonly<Record<string, unknown>>
}

/** Made of the routes and contracts themselves, with the limits and the base path of this configuration. */
export function documentsOf(
  operations: readonly Operation[],
  config: Pick<Config, 'BASE_PATH' | 'SSO_COOKIE'>,
): Documents {
  const served = { version: manifest.version, basePath: config.BASE_PATH, cookie: config.SSO_COOKIE }
  return { openapi: openApiOf(operations, served), asyncapi: asyncApiOf(served) }
}
