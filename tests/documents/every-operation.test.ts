import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ClientState } from '../../src/contract/client-state.ts'
import type { Operation } from '../../src/rest/operations.ts'
import { documents, operations } from '../harness/documents.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type Api, startApi } from '../harness/api.ts'
import { connectNumber, type TestNumber } from '../harness/number.ts'
import { seededRandom } from '../harness/random.ts'
import { expectSameAsSnapshot, takeState, threeWatchers } from '../harness/replay.ts'
import { type RestClient, type RestRequest, startRestOf } from '../harness/rest-client.ts'
import { hostileBodies, hostileHeaders, hostileTexts, spoiled } from './hostile-values.ts'
import { type KnownThings, tenantWithThings } from './known-things.ts'
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
const cases = Number(process.env['DOCUMENT_CASES'] ?? 8)
console.log(`every operation: DOCUMENT_SEED=${seed} DOCUMENT_CASES=${cases}`)

const bodyOf = ({ method, path }: Operation): Schema | undefined =>
  paths[path]?.[method]?.requestBody?.content['application/json']?.schema

/** Where members depend on each other more than a schema says. */
const examples: Readonly<Record<string, object>> = {
  'post /api/v1/conversations/{id}/messages': { clientMessageId: 'a', type: 'text', text: 'hello' },
}

/** A request before it is sent. */
interface Draft {
  readonly path: Readonly<Record<string, string>>
  readonly query: readonly (readonly [string, string])[]
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array<ArrayBuffer> | undefined
}

/** What cannot succeed here: it needs a file, a merge or a network that answers, or a sign-in; all have tests of their own. */
const cannotSucceed = new Set([
  'post /admin/imports/{id}/start',
  'get /api/v1/media/{id}',
  'post /api/auth/sign-in',
  'post /api/auth/refresh',
  'post /api/auth/password',
  'post /api/auth/set-password',
  'post /admin/users/{id}/password-token',
  'post /api/auth/sign-out',
  'post /admin/contacts/merges/{mergeId}/undo',
  'post /api/v1/channels/{id}/verify',
])

/** Whoever is given other rights is told to start anew (GW11), and a tenant that is suspended hears nothing. */
const changesRights = new Set(['put /api/v1/channels/{id}/members', 'post /operator/tenants/{id}/suspend'])

describe('every operation', () => {
  let hub: Hub
  let rest: RestClient
  let number: TestNumber
  let api: Api

  beforeAll(async () => {
    const most = '1000000000'
    hub = await startHub({
      REST_RATE_PER_MINUTE: most,
      REST_IP_RATE_PER_MINUTE: most,
      LOCAL_RATE_PER_MINUTE: most,
      FAILED_AUTH_PER_MINUTE: most,
    })
    rest = await startRestOf(hub)
    number = await connectNumber(hub)
    api = await startApi(hub)
  })
  afterAll(() => hub[Symbol.asyncDispose]())

  function drafted(operation: Operation, known: KnownThings, random: () => number): Draft {
    const maker: Maker = {
      random,
      density: pick(random, [0.1, 0.5, 0.9]),
      known: known.forMember,
    }
    const described = paths[operation.path]?.[operation.method] ?? {}
    const { parameters = [] } = described
    const inPart = (part: Parameter['in']) => parameters.filter((one) => one.in === part)
    const given = inPart('query').filter(
      ({ required }) => required === true || maker.random() < maker.density,
    )
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
    if (String(answer.body['code']).startsWith('provider_')) return answer.status
    expect(
      answer.status,
      `${operation.method} ${path}?${query.slice(0, 500)} ${String(draft.body).slice(0, 500)} ${answer.text}`,
    ).toBeLessThan(500)
    return answer.status
  }

  /** Sees to it that there is something at the path, deleted when it is to be restored. */
  async function prepare({ path }: Operation, known: KnownThings, random: () => number): Promise<void> {
    const list = path.slice(0, path.indexOf('/{'))
    const made = operations.find((one) => one.method === 'post' && one.path === list)
    const read = operations.find((one) => one.method === 'get' && one.path === list)
    if (!path.includes('/{') || !read) return
    await known.look(list)
    for (let tries = 0; tries < 60 && made && (await known.look(list)) === 0; tries++)
      await send(made, drafted(made, known, random), known.token, 'application/json')
    if (!path.endsWith('/restore')) return
    // Not everything can be deleted, such as the default pipeline.
    for (let tries = 0, status = 0; tries < 40 && status !== 204; tries++) {
      const id = known.forPath(path, 'id', random) ?? ''
      status = (await rest.call('DELETE', `${list}/${id}`, { token: known.token })).status
    }
    await known.look(`${list}?deleted=only`, list)
  }

  /** A request that is known to be good: what is there is written as it is, or an example is followed. */
  async function asItIs(
    operation: Operation,
    known: KnownThings,
    random: () => number,
  ): Promise<Draft | null> {
    const draft = drafted(operation, known, random)
    const example = examples[`${operation.method} ${operation.path}`]
    if (example) return { ...draft, query: [], body: JSON.stringify(example) }
    if (operation.method !== 'put' || draft.body === undefined) return null
    const read = operations.find((one) => one.method === 'get' && one.path === operation.path)
    const members = bodyOf(operation)?.properties
    if (!read || !members) return null
    const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encoded(draft.path[name] ?? ''))
    const { body } = await rest.call<{ data: object }>('GET', path, { token: known.token })
    const kept = Object.entries(body.data).filter(([name]) => name in members)
    return { ...draft, query: [], body: JSON.stringify(Object.fromEntries(kept)) }
  }

  test.each(operations.map((operation) => [operation.method, operation.path, operation] as const))(
    '[DOC4] [SYN2] %s %s answers as documented to whatever it is asked, and what it did can be replayed',
    async (method, path, operation) => {
      const random = seededRandom(seed ^ hashOf(`${method} ${path}`))
      const known = await tenantWithThings(hub, rest, number)
      const others = await Promise.all(
        (['viewer', 'agent', 'manager'] as const).map((role) => hub.signIn(role, { tenant: known.slug })),
      )
      const tokens = [...others.map(({ token }) => token), undefined, 'not-a-token']
      await prepare(operation, known, random)
      // Signed in last, so that no request names them: they look on with the same rights all along.
      const isWatched = method !== 'get' && !changesRights.has(`${method} ${path}`)
      const watchers = isWatched ? await threeWatchers(hub, known.slug) : []
      const before = await Promise.all(watchers.map((watcher) => takeState(api, watcher)))
      const token = operation.action === 'operator' ? known.operatorToken : known.token
      const draft = () => drafted(operation, known, random)
      const again = await asItIs(operation, known, random)
      const asked: string[] = []

      let succeeded = cannotSucceed.has(`${method} ${path}`)
      for (let count = 0; count < (succeeded ? cases : 100) && (count < cases || !succeeded); count++) {
        const good = count === 0 && again ? again : draft()
        const status = await send(operation, good, token, 'application/json')
        asked.push(String(status))
        succeeded ||= status < 400
      }
      expect(succeeded, `nothing that it allows succeeds: ${asked.join(' ')}`).toBe(true)

      for (let count = 0; count < cases; count++) {
        const good = draft()
        if (good.body !== undefined && operation.takes === undefined) {
          const bad = { ...good, body: spoiled(JSON.parse(String(good.body)), { random }) }
          await send(operation, bad, token, 'application/json')
        }
        await send(operation, { ...good, query: spoiledQuery(good.query, random) }, token, 'application/json')
        if (Object.keys(good.path).length > 0)
          await send(operation, { ...good, path: spoiledPath(good.path, random) }, token, 'application/json')
        const headers = { ...good.headers, ...pick(random, hostileHeaders) }
        await send(operation, { ...good, headers }, token, 'application/json')
        await send(operation, good, pick(random, tokens), 'application/json')
      }
      if (method !== 'get')
        for (const { type, raw } of hostileBodies)
          await send(operation, { ...draft(), body: raw }, token, type)
      for (const [at, watcher] of watchers.entries())
        await expectSameAsSnapshot(api, watcher, before[at] as ClientState)
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
