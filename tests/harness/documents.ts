import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { ServedConfig, Deps } from '../../src/deps.ts'
import { readConfig } from '../../src/platform/config.ts'
import { createMetrics } from '../../src/platform/metrics.ts'
import { mountsOf } from '../../src/rest/app.ts'
import { type Documents, documentsOf } from '../../src/rest/documents/documents.ts'
import type { Operation } from '../../src/rest/operations.ts'

/** The settings that hold when nobody says anything; the secrets are never used. */
const config = readConfig({
  NODE_ENV: 'test',
  JWT_SECRET: 'not-used-to-sign-anything-at-all-1',
  ENCRYPTION_KEY: Buffer.alloc(32).toString('base64'),
}) as ServedConfig

/** Every operation that the REST process serves: method, path, action, schemas. No server is needed to know them. */
export const operations: readonly Operation[] = mountsOf(
  { config, metrics: createMetrics() } as Deps,
  { readiness: undefined, entries: undefined } as unknown as Parameters<typeof mountsOf>[1],
).operations

/** As they are committed under docs/ (tests/documents/drift.test.ts). */
export const documents: Documents = documentsOf(operations, config)

const ajv = new Ajv2020({ strict: false, validateSchema: false, inlineRefs: false })
addFormats.default(ajv)
ajv.addSchema(documents.openapi, 'openapi')
ajv.addSchema(documents.asyncapi, 'asyncapi')

const validators = new Map<string, ValidateFunction>()

/** What is wrong with a value, by the schema at a place of a document (steps from its root); null when nothing is. */
export function faultIn(document: keyof Documents, place: readonly string[], value: unknown): string | null {
  const pointer = place.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
  const ref = `${document}#${encodeURI(pointer)}`
  let validate = validators.get(ref)
  if (!validate) {
    validate = ajv.compile({ $ref: ref })
    validators.set(ref, validate)
  }
  return validate(value) ? null : ajv.errorsText(validate.errors, { dataVar: '' })
}
