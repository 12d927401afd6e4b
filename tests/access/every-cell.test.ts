import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Operation } from '../../src/rest/operations.ts'
import { pick, type Maker, type Schema, validValue } from '../documents/schema-values.ts'
import { documents, operations } from '../harness/documents.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { connectNumber } from '../harness/number.ts'
import { seededRandom, stormSeed } from '../harness/random.ts'
import { type RestAnswer, type RestClient, startRestOf } from '../harness/rest-client.ts'
import {
  type Caller,
  callers,
  cell,
  exceptions,
  operationActions,
  type Place,
  reachOf,
} from './every-cell-table.ts'
import { buildWorld, recordedTypes, type World } from './every-cell-world.ts'

interface Described {
  readonly parameters?: readonly { name: string; in: string; required?: boolean; schema: Schema }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
}
const { paths } = documents.openapi as unknown as {
  paths: Readonly<Record<string, Readonly<Record<string, Described>>>>
}
const described = ({ method, path }: Operation): Described => paths[path]?.[method] ?? {}
const nameOf = ({ method, path }: Operation) => `${method} ${path}`

/** Where members depend on each other more than a schema says. */
const examples: Readonly<Record<string, object>> = {
  'post /api/v1/conversations/{id}/messages': { clientMessageId: 'a', type: 'text', text: 'hello' },
}
/** What a kind of search takes is one of its actions; an identity that is there is needed to take it away. */
const queries: Readonly<Record<string, string>> = {
  'get /api/v1/search': '?q=zoe&kind=contacts',
  'delete /admin/contacts/{id}/identities': '?kind=username&value=gone',
}
/** Notes are seen by whoever sees what they are about; those of the world, the near one first. */
const notesAbout = [
  'conversation.read',
  'conversation.read',
  'conversation.read',
  'record.read',
  'deal.read',
  'deal.read',
]
/** Texts are cut anywhere; half a character is refused before anybody asks who is calling. */
const wellFormed = (_: string, value: unknown) => (typeof value === 'string' ? value.toWellFormed() : value)
/** They ask for a secret of the caller, and these callers have none: what they answer says nothing of the policy. */
const asksForSecrets = new Set(['post /api/auth/password'])
/** Public, and about the token that is shown. */
const judgesTheToken = 'post /api/auth/validate'
/** Written by their author or by whoever has the right to moderate; the agent wrote those that are near. */
const moderated: Readonly<Record<string, string>> = {
  '/admin/notes': 'note.moderate',
  '/admin/saved-views': 'view.moderate',
}

/** What operations that succeed may change of a thing so that the next caller finds another world. */
const putBack: Readonly<Record<string, readonly string[]>> = {
  activities: ['deleted_at', 'assignee_id', 'contact_id', 'deal_id', 'conversation_id'],
  contacts: ['deleted_at'],
  conversations: ['assignee_id', 'team_id', 'contact_id'],
  custom_fields: ['deleted_at'],
  customers: ['deleted_at'],
  deals: ['deleted_at', 'owner_id', 'stage_id', 'contact_id'],
  notes: ['deleted_at'],
  pipelines: ['deleted_at'],
  pipeline_stages: ['deleted_at'],
  saved_views: ['deleted_at', 'shared'],
  tags: ['deleted_at'],
}

/** Members of bodies that name things, by the collection of what they name; `ids` of a bulk are of its own. */
const references: Readonly<Record<string, string>> = {
  assigneeId: '/admin/users',
  channelId: '/api/v1/channels',
  contactId: '/admin/contacts',
  conversationId: '/api/v1/conversations',
  customerId: '/admin/customers',
  dealId: '/admin/deals',
  memberIds: '/admin/users',
  mentions: '/admin/users',
  otherId: '/admin/contacts',
  ownerId: '/admin/users',
  pipelineId: '/admin/pipelines',
  stageId: '/admin/pipeline-stages',
  tagId: '/admin/tags',
  tags: '/admin/tags',
  teamId: '/admin/teams',
  teamIds: '/admin/teams',
  userId: '/admin/users',
  viewId: '/admin/saved-views',
}

const nobody = { uuid: '00000000-0000-7000-8000-000000000000', number: 2_147_483_000 }

describe('every cell of the policy', () => {
  const seed = stormSeed('every cell')
  let hub: Hub
  let rest: RestClient
  let own: World
  let other: World
  /** Nothing was done in it yet. */
  let fresh: World
  let superuser: pg.Client | undefined

  beforeAll(async () => {
    const most = '1000000000'
    hub = await startHub({
      REST_RATE_PER_MINUTE: most,
      REST_IP_RATE_PER_MINUTE: most,
      LOCAL_RATE_PER_MINUTE: most,
      FAILED_AUTH_PER_MINUTE: most,
      LOCAL_SIGN_IN: 'on',
    })
    rest = await startRestOf(hub)
    const number = await connectNumber(hub)
    own = await buildWorld(hub, rest, number, hub.tenant)
    other = await buildWorld(hub, rest, number, await hub.addTenant())
    fresh = await buildWorld(hub, rest, number, await hub.addTenant())
    const client = new pg.Client({ connectionString: hub.config.DATABASE_URL })
    superuser = client
    await client.connect()
    for (const [table, columns] of Object.entries(putBack))
      await client.query(`create temp table was_${table} as select id, ${columns.join()} from ${table}`)
  }, 60_000)
  afterAll(async () => {
    await superuser?.end()
    await hub[Symbol.asyncDispose]()
  })

  const idAt = (collection: string, place: Place, far = 0): string | number | undefined => {
    const near = own.near[collection]
    if (place === 'near') return near
    if (place === 'far') return own.far[far]?.[collection]
    if (place === 'other-tenant') return other.near[collection]
    return typeof near === 'number' ? nobody.number : nobody.uuid
  }

  /** What bodies and queries may refer to, all of it near. */
  const known = (member: string): readonly unknown[] => {
    const at = (collection: string) => [own.near[collection]]
    const values: Readonly<Record<string, () => readonly unknown[]>> = {
      after: () => ['1:0', idAt('/admin/deals', 'near')],
      assigneeId: () => [own.agent.actor.id],
      channelId: () => [own.openChannel],
      contactId: () => [own.spare],
      conversationId: () => at('/api/v1/conversations'),
      currency: () => ['EUR'],
      customerId: () => at('/admin/customers'),
      dealId: () => at('/admin/deals'),
      language: () => ['en'],
      locale: () => ['en'],
      memberIds: () => [own.agent.actor.id],
      mentions: () => [own.agent.actor.id],
      otherId: () => [own.spare],
      ownerId: () => [own.agent.actor.id],
      phone: () => ['+4917012345678'],
      pipelineId: () => at('/admin/pipelines'),
      q: () => ['zoe'],
      // Sharing takes view.share beside view.write.
      shared: () => [false],
      snoozedUntil: () => ['2099-01-01T00:00:00.000Z'],
      stageId: () => at('/admin/pipeline-stages'),
      tagId: () => at('/admin/tags'),
      tags: () => at('/admin/tags'),
      teamId: () => at('/admin/teams'),
      template: () => [{ name: 'greeting', language: 'en' }],
      timeZone: () => ['Europe/Berlin'],
      timezone: () => ['Europe/Berlin'],
      to: () => ['+4917012345678'],
      userId: () => [own.agent.actor.id],
      value: () => ['4917012345678'],
      viewId: () => at('/admin/saved-views'),
    }
    return values[member]?.() ?? []
  }

  interface Draft {
    readonly query: string
    readonly body: string | undefined
  }
  function drafted(operation: Operation, random: () => number): Draft {
    const maker: Maker = { random, density: pick(random, [0.1, 0.4]), known }
    const { parameters = [], requestBody } = described(operation)
    const schema = requestBody?.content['application/json']?.schema
    const query = parameters
      .filter((one) => one.in === 'query' && one.required === true)
      .map(
        ({ name, schema }) =>
          `${name}=${encodeURIComponent(String(validValue(schema, maker, name)).toWellFormed())}`,
      )
    const example = examples[nameOf(operation)]
    return {
      query: queries[nameOf(operation)] ?? (query.length === 0 ? '' : `?${query.join('&')}`),
      body: schema && JSON.stringify(example ?? validValue(schema, maker), wellFormed),
    }
  }

  /** The path with its things at a place; only the named member leaves what is near. */
  function pathAt(
    operation: Operation,
    moved: string,
    place: Place,
    far: number,
    random: () => number,
  ): string | null {
    let missing = false
    const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string, at: number) => {
      const collection = name === 'tagId' ? '/admin/tags' : operation.path.slice(0, at - 1)
      if (own.near[collection] === undefined) {
        const { parameters = [] } = described(operation)
        const schema = parameters.find((one) => one.in === 'path' && one.name === name)?.schema
        if (schema?.enum === undefined)
          throw new Error(`${nameOf(operation)}: no thing of ${collection} in the world`)
        return String(pick(random, schema.enum))
      }
      const id = idAt(collection, name === moved ? place : 'near', far)
      if (id === undefined) missing = true
      return String(id)
    })
    return missing ? null : path
  }

  async function send(
    { method }: Operation,
    path: string,
    draft: Draft,
    caller: Caller,
  ): Promise<RestAnswer<Record<string, unknown>>> {
    const token = own.tokens[caller]
    return rest.call(method.toUpperCase(), path + draft.query, {
      ...(token === undefined ? {} : { token }),
      ...(draft.body === undefined
        ? {}
        : { raw: draft.body, headers: { 'content-type': 'application/json' } }),
    })
  }

  /** Puts back what an operation that succeeded may have taken away. */
  const heal = () =>
    superuser?.query(
      Object.entries(putBack)
        .map(([table, columns]) => {
          const list = (row: string) => columns.map((column) => `${row}.${column}`).join()
          return `update ${table} r set ${columns.map((column) => `${column} = was.${column}`).join()}
            from was_${table} was where was.id = r.id and (${list('r')}) is distinct from (${list('was')})`
        })
        .join(';'),
    )

  /** For what cannot be put back, a thing of its own to lose. */
  async function sacrifice(operation: Operation): Promise<string | null> {
    const admin = own.admin.token
    const made = async (list: string, json: object) => {
      const { body } = await rest.call<{ data: { id: string } }>('POST', list, { token: admin, json })
      return `${list}/${body.data.id}`
    }
    switch (nameOf(operation)) {
      case 'delete /admin/teams/{id}':
        return made('/admin/teams', { name: String(Math.random()) })
      case 'delete /api/v1/channels/{id}': {
        const externalId = String(Math.random())
        const settings = { number: externalId, baseUrl: 'http://127.0.0.1:9' }
        const { id } = await hub.addChannel({
          provider: 'fake',
          settings,
          secrets: { apiKey: 'x' },
          externalId,
        })
        return `/api/v1/channels/${id}`
      }
      default:
        return null
    }
  }

  /** Deletes what is to be restored, adds what is to be taken away. */
  async function prepare({ method, path }: Operation, at: string): Promise<void> {
    if (method === 'delete' && path.endsWith('/identities'))
      await superuser?.query(
        `insert into contact_identities (tenant_id, kind, value, contact_id)
         select tenant_id, 'username', 'gone', id from contacts where tenant_id = $1 and id = $2
         on conflict (tenant_id, kind, value) do update set contact_id = excluded.contact_id`,
        [own.tenantId, at.split('/')[3]],
      )
    if (!path.endsWith('/restore')) return
    const list = path.slice(0, path.indexOf('/{'))
    const table = list.slice('/admin/'.length).replaceAll('-', '_')
    for (const world of [own, other]) {
      const ids = [world.near[list], ...world.far.map((one) => one[list])].filter((id) => id !== undefined)
      await superuser?.query(
        `update ${table} set deleted_at = now()${table === 'pipelines' ? ', is_default = false' : ''} where tenant_id = $1 and id = any($2::int[])`,
        [world.tenantId, ids],
      )
    }
  }

  /** An answer without what tells one request, or one thing that was asked for, from another. */
  const shapeOf = ({ status, body }: RestAnswer<Record<string, unknown>>, path: string) => {
    const asked = path.split('/')
    const details = Object.entries(body['details'] ?? {}).map(
      ([name, value]) => [name, asked.includes(String(value)) ? '*' : value] as const,
    )
    return { status, ...body, requestId: '', details }
  }

  test('[RGT15] the table has every operation, and nothing that is none', () => {
    expect([...operationActions.keys()].sort()).toEqual(operations.map(nameOf).sort())
    for (const operation of operations)
      expect([operation.action].flat(), nameOf(operation)).toEqual(operationActions.get(nameOf(operation)))
  })

  const guarded = operations.filter(({ action }) => action !== 'public')
  test.each(guarded.map((operation) => [nameOf(operation), operation] as const))(
    '[RGT15] %s: everybody, everywhere',
    async (name, operation) => {
      const random = seededRandom(seed + name.length)
      const actions = operationActions.get(name) ?? []
      const members = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, member = '']) => member)
      const list = operation.path.slice(0, operation.path.indexOf('/{'))
      const isWrite = operation.method !== 'get'
      const ids = members.filter((member) => member !== 'entity')
      for (const caller of callers) {
        const cells: { member: string; place: Place; far: number }[] = [{ member: '', place: 'near', far: 0 }]
        for (const member of ids) {
          cells.push({ member, place: 'other-tenant', far: 0 })
          for (const far of own.far.keys()) cells.push({ member, place: 'far', far })
        }
        // What succeeds comes last.
        for (const { member, place, far } of cells.reverse()) {
          const where = `${name} by ${caller}, ${member} ${place} ${far}`
          const about = notesAbout[place === 'far' ? far + 1 : 0] ?? ''
          const isHidden = list === '/admin/notes' && ids.length > 0 && reachOf(caller, about) === 'no'
          const policy = cell(caller, actions, place)
          const special =
            place === 'other-tenant' ? undefined : exceptions(name, caller, place === 'far' ? far : -1)
          const wanted = special ?? (isHidden && policy === 'in' ? 404 : policy)
          const moderate = moderated[list]
          const isStrangers =
            moderate !== undefined &&
            isWrite &&
            wanted === 'in' &&
            (caller !== 'agent' || place === 'far') &&
            members.length > 0 &&
            reachOf(caller, moderate) === 'no'
          let answer: RestAnswer<Record<string, unknown>> | undefined
          for (let tries = 0; tries < 40; tries++) {
            const draft = drafted(operation, random)
            const sacrificed = wanted === 'in' ? await sacrifice(operation) : null
            const path = sacrificed ?? pathAt(operation, member, place, far, random)
            if (path === null) break
            if (wanted !== 401 && wanted !== 403) await prepare(operation, path)
            answer = await send(operation, path, draft, caller)
            expect(answer.status, `${where} ${answer.text}`).not.toBeGreaterThanOrEqual(
              String(answer.body['code']).startsWith('provider_') ? 600 : 500,
            )
            if (isWrite && answer.status < 300) await heal()
            if (asksForSecrets.has(name)) break
            if (wanted === 404 && (answer.status === 400 || answer.status === 422)) continue
            if (wanted === 404) {
              expect(answer.status, `${where} ${answer.text}`).toBe(404)
              const nowhere = pathAt(operation, member, 'nowhere', far, random) ?? ''
              expect(shapeOf(answer, path), where).toEqual(
                shapeOf(await send(operation, nowhere, draft, caller), nowhere),
              )
            }
            if (isStrangers && answer.status === 400) continue
            if (wanted === 'in' && !isStrangers && answer.status >= 400 && tries < 6) {
              expect([401, 403, 404], `${where} ${answer.text} ${draft.body}`).not.toContain(answer.status)
              continue
            }
            break
          }
          if (answer === undefined || asksForSecrets.has(name)) continue
          if (isStrangers) expect(answer.status, `${where} ${answer.text}`).toBe(403)
          else if (wanted === 'in')
            expect([401, 403, 404], `${where} ${answer.text}`).not.toContain(answer.status)
          else expect(answer.status, `${where} ${answer.text}`).toBe(wanted)
        }
      }
    },
    60_000,
  )

  test('[RGT15] ids in bodies: what is another tenant’s, or out of sight, is named like what nobody has', async () => {
    // What the cells before did may have brought the far contact near: merged it, or written to it.
    own = fresh
    const random = seededRandom(seed)
    let meant = 0
    for (const operation of guarded) {
      const schema = described(operation).requestBody?.content['application/json']?.schema
      for (const one of schema?.anyOf ?? schema?.oneOf ?? (schema ? [schema] : []))
        for (const member of Object.keys(one.properties ?? {})) {
          const list =
            member === 'ids' ? operation.path.slice(0, operation.path.lastIndexOf('/')) : references[member]
          if (list === undefined || own.near[list] === undefined) continue
          const part = one.properties?.[member]
          const isList = part?.type === 'array' || part?.anyOf?.some(({ type }) => type === 'array') === true
          const required = (one.required ?? []).filter((name) => name !== member)
          const members = Object.entries(one.properties ?? {}).filter(([name]) => required.includes(name))
          const maker: Maker = { random, density: 0, known }
          const remaining = validValue(
            { type: 'object', properties: Object.fromEntries(members), required },
            maker,
          )
          const path = pathAt(operation, '', 'near', 0, random) ?? ''
          const naming = async (caller: Caller, id: string | number | undefined) => {
            const body = { ...(remaining as object), [member]: isList ? [id] : id }
            const answer = await send(
              operation,
              path,
              { query: '', body: JSON.stringify(body, wellFormed) },
              caller,
            )
            const text = answer.text.replace(/"requestId":"[^"]*"/, '')
            return { answer, told: text.replaceAll(new RegExp(`(?<![\\w-])${id}(?![\\w-])`, 'g'), '*') }
          }
          const where = `${nameOf(operation)} ${member}`
          const nowhere = await naming('admin', idAt(list, 'nowhere'))
          const others = await naming('admin', idAt(list, 'other-tenant'))
          expect(others.answer.status, where).toBe(nowhere.answer.status)
          expect(others.told, where).toBe(nowhere.told)
          if (idAt(list, 'far') !== undefined) {
            const far = await naming('agent', idAt(list, 'far'))
            expect(far.told, `${where} by an agent`).toBe((await naming('agent', idAt(list, 'nowhere'))).told)
          }
          const near = await naming('admin', idAt(list, 'near'))
          await heal()
          // Others are refused for what they name, and not for something else.
          if (near.answer.status >= 300 || near.told === nowhere.told) continue
          if (!operation.path.endsWith('/bulk'))
            expect(nowhere.answer.status, where).toBeGreaterThanOrEqual(400)
          meant += 1
        }
    }
    expect(meant).toBeGreaterThan(60)
  })

  test('[RGT16] what all of them recorded is meant for those of the table', async () => {
    expect(await recordedTypes(hub)).toBeGreaterThan(45)
  })

  const open = operations.filter((one) => one.action === 'public' && nameOf(one) !== judgesTheToken)
  test.each(open.map((operation) => [nameOf(operation), operation] as const))(
    '[RGT15] %s: a token changes nothing',
    async (name, operation) => {
      const random = seededRandom(seed + name.length)
      const draft = drafted(operation, random)
      const path = operation.path.replaceAll(/\{\w+\}/g, 'nothing')
      const statuses = new Set<number>()
      for (const caller of ['none', 'viewer', 'key'] as const)
        statuses.add((await send(operation, path, draft, caller)).status)
      expect([...statuses]).toHaveLength(1)
    },
  )
})
