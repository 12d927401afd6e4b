import type { Operation } from '../../src/rest/operations.ts'
import { documents, faultIn, operations } from './documents.ts'

/** An answer as it came. */
export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

interface Described {
  readonly $ref?: string
  readonly headers?: Readonly<Record<string, unknown>>
  readonly content?: Readonly<Record<string, unknown>>
}

interface OpenApi {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { responses: Readonly<Record<string, Described>> }>>>
  >
  readonly components: { readonly responses: Readonly<Record<string, Described>> }
}
const { paths, components } = documents.openapi as unknown as OpenApi

/** The operation that a request reaches, if any: of two that fit, the one with more plain words. */
export function operationAt(method: string, path: string): Operation | undefined {
  const asked = method.toLowerCase() === 'head' ? 'get' : method.toLowerCase()
  const words = path
    .replace(/[?#].*$/s, '')
    .replace(/(?<=.)\/$/, '')
    .split('/')
  return operations
    .filter((operation) => operation.method === asked && fits(operation.path.split('/'), words))
    .sort((one, other) => one.path.split('{').length - other.path.split('{').length)[0]
}

const fits = (pattern: readonly string[], words: readonly string[]): boolean =>
  pattern.length === words.length &&
  pattern.every((part, place) => part.startsWith('{') || part.toLowerCase() === words[place]?.toLowerCase())

/**
 * Fails when an answer is not one that docs/openapi.json promises for its operation: another status, another type, another
 * shape, a code of its own, a header that is missing or was not promised. `path` is without BASE_PATH.
 */
export function checkAnswer(method: string, path: string, answer: Answered): void {
  // What a browser asks before it asks, and what the gateway answers on a port that they share.
  if (method.toUpperCase() === 'OPTIONS' || path.startsWith('/socket.io/')) return
  const fault = faultOf(method, path, answer)
  if (fault === null) return
  throw new Error(
    `${method} ${path} gave an answer that is not in the OpenAPI document: ${fault}\n${answer.status} ${answer.text.slice(0, 600)}`,
  )
}

/** The same for what `fetch` gave, which can still be read. */
export async function checkResponse(method: string, path: string, response: Response): Promise<void> {
  const { status, headers } = response
  checkAnswer(method, path, { status, headers, text: await response.clone().text() })
}

function faultOf(method: string, path: string, answer: Answered): string | null {
  const operation = operationAt(method, path)
  if (operation === undefined) return faultOfNothing(answer)
  const place = ['paths', operation.path, operation.method, 'responses', String(answer.status)]
  const named = paths[operation.path]?.[operation.method]?.responses[answer.status]
  if (named === undefined) return `${answer.status} is not documented`
  const shared = named.$ref?.slice('#/components/responses/'.length)
  const described = shared === undefined ? named : components.responses[shared]
  const at = shared === undefined ? place : ['components', 'responses', shared]
  return (
    faultOfHeaders(described?.headers ?? {}, answer) ??
    (method.toUpperCase() === 'HEAD' ? null : faultOfBody(described?.content ?? {}, at, answer))
  )
}

/** Where nobody serves anything, nobody may be let in: only problems come from there. */
function faultOfNothing({ status, text }: Answered): string | null {
  if (status < 400) return 'there is no such operation'
  return text === '' ? null : faultIn('openapi', ['components', 'schemas', 'Problem'], parsed(text))
}

const meaningful = ['etag', 'location'] as const

function faultOfHeaders(promised: Readonly<Record<string, unknown>>, { headers }: Answered): string | null {
  for (const name of meaningful) {
    if (headers.has(name) && !(name in promised)) return `the header ${name} is not documented`
    if (!headers.has(name) && name in promised) return `the header ${name} is missing`
  }
  return null
}

function faultOfBody(
  content: Readonly<Record<string, unknown>>,
  place: readonly string[],
  { headers, text }: Answered,
): string | null {
  const types = Object.keys(content)
  const given = (headers.get('content-type') ?? '').replace(/;.*$/s, '').trim()
  if (types.length === 0) return text === '' ? null : 'a body is not documented'
  if (!types.includes(given)) return `the type ${given} is not documented`
  if (!given.endsWith('json')) return null
  return faultIn('openapi', [...place, 'content', given, 'schema'], parsed(text))
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
