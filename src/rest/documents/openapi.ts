import { z } from 'zod'
import { type ErrorCode, errors } from '../../contract/errors.ts'
import { problem } from '../../contract/rest/problem.ts'
import { type AnswerHeader, answerOf, type Shape } from '../../http/declaration.ts'
import type { Operation } from '../operations.ts'
import { errorCodesOf, takesKey, takesVersion } from './operation-errors.ts'
import { type JsonSchema, SchemaBook } from './schema-book.ts'

/** What of a document depends on where it is served. */
export interface Served {
  /** Of our release. */
  readonly version: string
  /** BASE_PATH, or empty. */
  readonly basePath: string
  readonly cookie: string
}

type Json = { [member: string]: unknown }

const description =
  `JSON in camelCase; instants are ISO 8601 in UTC; money is whole minor units with an ISO 4217 currency. Lists give \`data\` and
\`nextCursor\`; ask again with \`cursor\` for the next page. Errors are \`application/problem+json\` (RFC 9457): decide by \`code\` and \`then\`.
Every answer has \`X-Request-Id\`. Members may be added to answers: ignore those that you do not know. What we refuse to guess we refuse:
a member that is not documented here fails with \`validation_failed\`. \`x-action\` names what of the policy an operation takes: an action, several of which one is
enough, \`signed-in\` for everybody who may come in, \`operator\` for who operates the installation, \`public\` where nobody is asked.`.replaceAll(
    '\n',
    ' ',
  )

/** The OpenAPI 3.1 document of the operations that are served. */
export function openApiOf(operations: readonly Operation[], { version, basePath, cookie }: Served): Json {
  const book = new SchemaBook()
  const document = book.of(problem, 'output')
  const refused: Record<string, Json> = {}
  const paths: Record<string, Json> = {}
  for (const operation of operations) {
    const refusals = refusalsOf(operation)
    for (const codes of refusals.values()) refused[nameOf(codes)] ??= refusal(codes, document)
    paths[operation.path] = {
      ...paths[operation.path],
      [operation.method]: describe(operation, refusals, book),
    }
  }
  return {
    openapi: '3.1.1',
    info: { title: 'Switchboard', version, description, license: { name: 'UNLICENSED', url: 'about:blank' } },
    servers: [{ url: basePath === '' ? '/' : basePath }],
    security: [{ bearer: [] }, { cookie: [] }],
    tags: [...new Set(operations.map(({ tag }) => tag))].sort().map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A token, or an API key (`sb_…`).' },
        operator: {
          type: 'http',
          scheme: 'bearer',
          description: 'A key of who operates the installation (`so_…`), made on the command line.',
        },
        cookie: {
          type: 'apiKey',
          in: 'cookie',
          name: cookie,
          description:
            "The platform's token. Whatever changes something then needs an Origin that is on the list.",
        },
      },
      headers,
      responses: Object.fromEntries(Object.entries(refused).sort(([one], [other]) => (one < other ? -1 : 1))),
      schemas: book.components,
    },
  }
}

const text = { type: 'string' }
const headers = {
  etag: { description: 'Version of what is answered, for If-Match.', schema: text },
  location: { description: 'Where it is.', schema: text },
  'retry-after': { description: 'Seconds until it is worth to ask again.', schema: { type: 'integer' } },
  'idempotency-replayed': {
    description: '`true`: this answer was given before, to the same Idempotency-Key.',
    schema: text,
  },
} as const

type Refusals = ReadonlyMap<number, readonly ErrorCode[]>

function describe(operation: Operation, refusals: Refusals, book: SchemaBook): Json {
  const { method, path, does, tag, action, body, takes } = operation
  const required = body !== null && !body.safeParse({}).success
  const content =
    takes === undefined
      ? body && { 'application/json': { schema: book.of(body, 'input') } }
      : { [takes]: { schema: {} } }
  const hasBody = method !== 'get' && content !== null && !(body !== null && takesNothing(body))
  const parameters = [
    ...inPart(operation.params, 'path', book),
    ...inPart(operation.query, 'query', book),
    ...headerParameters(operation),
  ]
  return {
    operationId: idOf(method, path),
    summary: does,
    tags: [tag],
    'x-action': action,
    ...(action === 'public' ? { security: [] } : {}),
    ...(action === 'operator' ? { security: [{ operator: [] }] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(hasBody ? { requestBody: { required: required || takes !== undefined, content } } : {}),
    responses: {
      ...Object.fromEntries(
        [...refusals].map(([status, codes]) => [status, { $ref: `#/components/responses/${nameOf(codes)}` }]),
      ),
      ...successes(operation, book),
    },
  }
}

/** `getAdminCustomersById`: the same for ever, as long as the path is. */
function idOf(method: string, path: string): string {
  const words = path.split(/[/_-]/).filter(Boolean)
  return (
    method +
    words.map((word) => (word.startsWith('{') ? `By${capital(word.slice(1, -1))}` : capital(word))).join('')
  )
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)

const takesNothing = (body: z.ZodType): boolean =>
  body instanceof z.ZodObject && Object.keys(body.shape as object).length === 0

function inPart(shape: Shape, part: 'path' | 'query', book: SchemaBook): Json[] {
  return Object.entries(shape).map(([name, schema]) => {
    const { description: about, ...written } = book.of(schema, 'input')
    return {
      name,
      in: part,
      required: part === 'path' || !schema.safeParse(undefined).success,
      ...(about === undefined ? {} : { description: about }),
      schema: written,
      ...(written['type'] === 'array' ? { explode: false } : {}),
    }
  })
}

function headerParameters(operation: Operation): Json[] {
  const own = Object.entries(operation.headers ?? {}).map(([name, about]) => ({
    name,
    in: 'header',
    description: about,
    schema: text,
  }))
  const key = {
    name: 'Idempotency-Key',
    in: 'header',
    description:
      'Of your making. The same key with the same request gets the same answer, and the thing is done once.',
    schema: { ...text, minLength: 1, maxLength: 255, pattern: '^[\\x21-\\x7e]+$' },
  }
  const version = {
    name: 'If-Match',
    in: 'header',
    description: 'ETag of the version that you read. When it is another one by now: `precondition_failed`.',
    schema: text,
  }
  return [...own, ...(takesKey(operation) ? [key] : []), ...(takesVersion(operation) ? [version] : [])]
}

function successes(operation: Operation, book: SchemaBook): Record<string, Json> {
  const entries = Object.entries(operation.answers).map(([status, answer]): [string, Json] => {
    const { body, headers: named = [] } = answerOf(answer)
    const given: readonly (AnswerHeader | 'idempotency-replayed')[] = takesKey(operation)
      ? [...named, 'idempotency-replayed']
      : named
    return [
      status,
      {
        description: meaningOf(Number(status)),
        ...headersOf(given),
        ...(body === null ? {} : { content: contentOf(body, book) }),
      },
    ]
  })
  return Object.fromEntries(entries)
}

const meanings: Readonly<Record<number, string>> = {
  200: 'Done.',
  201: 'Made.',
  202: 'Taken; it is on its way.',
  204: 'Done; there is nothing to say.',
  302: 'It is elsewhere.',
  503: 'Not now.',
}
const meaningOf = (status: number): string => meanings[status] ?? 'Done.'

function contentOf(body: z.ZodType | string, book: SchemaBook): Json {
  return typeof body === 'string'
    ? { [body]: { schema: text } }
    : { 'application/json': { schema: book.of(body, 'output') } }
}

function headersOf(names: readonly string[]): Json {
  if (names.length === 0) return {}
  return {
    headers: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }])),
  }
}

/** The codes that each status can carry. */
function refusalsOf(operation: Operation): Refusals {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of errorCodesOf(operation)) {
    const status = errors[code].http
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return byStatus
}

/** The same for ever, as long as the codes are. */
const nameOf = (codes: readonly ErrorCode[]): string => codes.join('.')

function refusal(codes: readonly ErrorCode[], document: JsonSchema): Json {
  const waits = codes.some((code) => errors[code].then === 'later')
  return {
    description: codes.map((code) => `\`${code}\`: ${errors[code].means}.`).join(' '),
    ...headersOf(waits ? ['retry-after'] : []),
    content: {
      'application/problem+json': {
        schema: { allOf: [document, { properties: { code: { enum: codes } } }] },
      },
    },
  }
}
