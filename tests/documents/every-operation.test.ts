import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Operation } from '../../src/rest/operations.ts'
import { documents, operations } from '../harness/documents.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { seededRandom } from '../harness/random.ts'
import { type RestClient, type RestRequest, startRestOf } from '../harness/rest-client.ts'
import { hostileBodies, hostileHeaders, hostileTexts, spoiled } from './hostile-values.ts'
import { type KnownThings, knownThings } from './known-things.ts'
import { type Maker, pick, type Schema, validValue } from './schema-values.ts'

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required?: boolean
  readonly schema: Schema
}
interface Described {
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
}
const { paths } = documents.openapi as unknown as {
  paths: Readonly<Record<string, Readonly<Record<string, Described>>>>
}

const seed = Number(process.env['DOCUMENT_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const cases = Number(process.env['DOCUMENT_CASES'] ?? 16)
console.log(`every operation: DOCUMENT_SEED=${seed} DOCUMENT_CASES=${cases}`)

/** A request before it is sent. */
interface Draft {
  readonly path: Readonly<Record<string, string>>
  readonly query: readonly (readonly [string, string])[]
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array<ArrayBuffer> | undefined
}

describe('every operation', () => {
  let hub: Hub
  let rest: RestClient
  let known: KnownThings
  let tokens: readonly (string | undefined)[] = []

  beforeAll(async () => {
    const most = '1000000000'
    hub = await startHub({ REST_RATE_PER_MINUTE: most, REST_IP_RATE_PER_MINUTE: most })
    rest = await startRestOf(hub)
    known = await knownThings(hub, rest)
    const others = await Promise.all(
      (['viewer', 'agent', 'manager'] as const).map((role) => hub.signIn(role)),
    )
    tokens = [...others.map(({ token }) => token), undefined, 'not-a-token']
  })
  afterAll(() => hub[Symbol.asyncDispose]())

  /** Somebody of their own for each operation: what they do to themselves is of no harm to the next. */
  async function admin(operation: Operation): Promise<string> {
    const sub = `${operation.method} ${operation.path}`.replaceAll(/\W+/g, '-')
    return (await hub.signIn('admin', { sub })).token
  }

  function drafted(operation: Operation, maker: Maker): Draft {
    const described = paths[operation.path]?.[operation.method] ?? {}
    const { parameters = [] } = described
    const inPart = (part: Parameter['in']) => parameters.filter((one) => one.in === part)
    const given = inPart('query').filter(({ required }) => required === true || maker.random() < 0.3)
    const json = described.requestBody?.content['application/json']
    const body =
      json && JSON.stringify(operation.takes === undefined ? validValue(json.schema, maker) : { entry: [] })
    return {
      path: Object.fromEntries(
        inPart('path').map(({ name, schema }) => [
          name,
          known.forPath(operation.path, name, maker.random) ?? String(validValue(schema, maker, name)),
        ]),
      ),
      query: given.map(({ name, schema }) => [name, String(validValue(schema, maker, name))] as const),
      headers: inPart('header').some(({ name }) => name === 'x-hub-signature-256')
        ? { 'x-hub-signature-256': known.sign(body ?? '') }
        : {},
      body,
    }
  }

  /** Sends it; `rest.call` fails when the answer is not one that the document promises. */
  async function send(
    operation: Operation,
    draft: Draft,
    token: string | undefined,
    type: string | null,
  ): Promise<number> {
    const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encoded(draft.path[name] ?? ''))
    const query = draft.query.map(([name, value]) => `${encoded(name)}=${encoded(value)}`).join('&')
    const request: RestRequest = {
      ...(token === undefined ? {} : { token }),
      headers: {
        ...(draft.body === undefined || type === null ? {} : { 'content-type': type }),
        ...draft.headers,
      },
      ...(draft.body === undefined ? {} : { raw: draft.body }),
    }
    const answer = await rest.call(
      operation.method.toUpperCase(),
      query === '' ? path : `${path}?${query}`,
      request,
    )
    // A network that does not answer is what it is; here none does.
    if (/^provider_/.test(String(answer.body['code']))) return answer.status
    expect(
      answer.status,
      `${operation.method} ${path}?${query.slice(0, 500)} ${String(draft.body).slice(0, 500)} ${answer.text}`,
    ).toBeLessThan(500)
    return answer.status
  }

  test.each(operations.map((operation) => [operation.method, operation.path, operation] as const))(
    '[DOC4] %s %s answers as documented to whatever it is asked',
    async (method, path, operation) => {
      const random = seededRandom(seed ^ hashOf(`${method} ${path}`))
      const token = await admin(operation)
      await known.refresh(token)
      const maker: Maker = { random, known: (name) => known.forMember(name, random) }
      const sends = method !== 'get'
      const statuses: number[] = []

      for (let count = 0; count < cases; count++)
        statuses.push(await send(operation, drafted(operation, maker), token, 'application/json'))

      for (let count = 0; count < cases; count++) {
        const draft = drafted(operation, maker)
        if (draft.body !== undefined && operation.takes === undefined)
          await send(
            operation,
            { ...draft, body: spoiled(JSON.parse(String(draft.body)), maker) },
            token,
            'application/json',
          )
        await send(
          operation,
          { ...draft, query: spoiledQuery(draft.query, random) },
          token,
          'application/json',
        )
        if (Object.keys(draft.path).length > 0)
          await send(
            operation,
            { ...draft, path: spoiledPath(draft.path, random) },
            token,
            'application/json',
          )
        const headers = { ...draft.headers, ...pick(random, hostileHeaders) }
        await send(operation, { ...draft, headers }, token, 'application/json')
        await send(operation, draft, pick(random, tokens), 'application/json')
      }
      if (sends)
        for (const { type, raw } of hostileBodies)
          await send(operation, { ...drafted(operation, maker), body: raw }, token, type)
      if (process.env['DOCUMENT_SHOW']) console.log(method, path, statuses.join(' '))
    },
    120_000,
  )
})

/** As it goes into an address: also halves of surrogate pairs, which encodeURIComponent refuses. */
function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll('%EF%BF%BD', '%ED%A0%BD')
}

function spoiledQuery(query: Draft['query'], random: () => number): Draft['query'] {
  const bad = pick(random, hostileTexts)
  if (query.length === 0 || random() < 0.3) {
    const name = pick(random, ['cursor', 'limit', 'q', 'after', 'sort', 'include', '__proto__', 'a[b]', ''])
    return [...query, [name, bad]]
  }
  const at = Math.floor(random() * query.length)
  const twice = random() < 0.3
  return query.flatMap(([name, value], place) =>
    place !== at
      ? [[name, value] as const]
      : twice
        ? [[name, value] as const, [name, bad] as const]
        : [[name, bad] as const],
  )
}

function spoiledPath(path: Draft['path'], random: () => number): Draft['path'] {
  const name = pick(random, Object.keys(path))
  // An empty part, and dots, make the path of another operation, or of none.
  return {
    ...path,
    [name]: pick(
      random,
      hostileTexts.filter((text) => !/^\.*$|^\.\.\//.test(text)),
    ),
  }
}

function hashOf(text: string): number {
  let hash = 0
  for (const character of text) hash = (Math.imul(hash, 31) + (character.codePointAt(0) ?? 0)) | 0
  return hash
}
