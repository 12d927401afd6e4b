import { expect, test } from 'vitest'
import { startGateway } from '../../gateway/server.ts'
import { commandHandlers } from '../../src/command-handlers.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { asSuperuser } from '../cli/cli.ts'
import { customerWrites } from '../harness/crowd.ts'
import { documents, operations } from '../harness/documents.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { connectNumber } from '../harness/number.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'
import { TestClient } from '../harness/socket-client.ts'
import { buildWorld, type World } from './every-cell-world.ts'

/** What searches ask for, and what nobody may read: the trail of exports repeats the first to whoever asked, nothing the second. */
const bait = 'zebraquartz'
const canary = `${bait} heliotrope`

interface Row {
  readonly id: string | number
}
interface Parameter {
  readonly name: string
  readonly in: string
}
const { paths } = documents.openapi as unknown as {
  paths: Readonly<Record<string, { readonly get?: { readonly parameters?: readonly Parameter[] } }>>
}

async function open() {
  const most = '1000000000'
  const hub = await startHub({ REST_RATE_PER_MINUTE: most, REST_IP_RATE_PER_MINUTE: most })
  const rest = await startRestOf(hub)
  const number = await connectNumber(hub)
  const gateway = await startGateway(hub.deps, { handlers: commandHandlers })
  hub.onClose(() => gateway.close())
  const listen = async (token: string, position?: string): Promise<TestClient> => {
    const client = new TestClient({ port: gateway.port, token, ...(position && { position }) })
    hub.onClose(() => Promise.resolve(client.close()))
    await client.next('caught-up')
    return client
  }
  return { hub, rest, number, listen }
}

/** Everything that has a text gets a canary in it, over REST; what has no route that writes it, by statement. */
async function fill(
  hub: Hub,
  rest: RestClient,
  { admin, near, tenantId, openChannel }: World,
): Promise<void> {
  const write = async (method: string, path: string, json: object): Promise<Row> => {
    const { status, text, body } = await rest.call<{ data: Row }>(method, path, { token: admin.token, json })
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`)
    return body.data
  }
  const post = (path: string, json: object) => write('POST', path, json)
  const talk = near['/api/v1/conversations']
  const field = async (entity: string) =>
    post('/admin/custom-fields', { entity, key: 'secret', label: canary, type: 'list', options: [canary] })
  for (const entity of ['customer', 'contact', 'deal']) await field(entity)
  const customFields = { secret: canary }
  const customer = await post('/admin/customers', {
    name: canary,
    company: canary,
    address: canary,
    customFields,
  })
  const tag = await post('/admin/tags', { name: canary })
  await post(`/admin/customers/${customer.id}/tags/${tag.id}`, {})
  const people = { firstName: canary, lastName: canary, customFields }
  const contact = await post('/admin/contacts', { ...people, phone: '+4917012345678' })
  const twin = await post('/admin/contacts', people)
  await post(`/admin/contacts/${contact.id}/merge`, { otherId: twin.id })
  const pipeline = await post('/admin/pipelines', { name: canary })
  const stage = await post('/admin/pipeline-stages', { name: canary, pipelineId: pipeline.id })
  const lost = await post('/admin/pipeline-stages', {
    name: `${canary} lost`,
    pipelineId: pipeline.id,
    kind: 'lost',
  })
  const deal = await post('/admin/deals', {
    title: canary,
    stageId: stage.id,
    contactId: contact.id,
    customFields,
  })
  await post(`/admin/deals/${deal.id}/move`, { stageId: lost.id, lostReason: canary })
  const activity = await post('/admin/activities', { type: 'task', subject: canary, description: canary })
  await post(`/admin/activities/${activity.id}/complete`, { outcome: canary })
  for (const about of [
    { dealId: deal.id },
    { contactId: contact.id },
    { customerId: customer.id },
    { conversationId: talk },
  ])
    await post('/admin/notes', { body: canary, ...about })
  await post('/admin/saved-views', { entity: 'deal', name: canary, shared: true, filters: { q: canary } })
  await post('/admin/teams', { name: canary })
  await post('/admin/users', { email: `${bait}-heliotrope@example.com`, role: 'agent', name: canary })
  await post('/admin/api-keys', { name: canary, role: 'viewer' })
  await write('PATCH', '/admin/tenant', { name: canary })
  await write('PATCH', `/api/v1/channels/${openChannel}`, { name: canary })
  await post(`/api/v1/conversations/${talk}/labels`, { add: [canary] })
  await post(`/api/v1/conversations/${talk}/messages`, {
    clientMessageId: uuidv7(),
    type: 'text',
    text: canary,
  })
  await inTenant(hub.deps, tenantId, async (tx) => {
    await tx.query('update templates set name = $2, reason = $2, detail = $3 where tenant_id = $1', [
      tenantId,
      canary,
      JSON.stringify({ text: canary }),
    ])
    await tx.query('update attachments set file_name = $2 where tenant_id = $1', [tenantId, canary])
    await tx.query('update imports set reason = $2, mapping = $3 where tenant_id = $1', [
      tenantId,
      canary,
      JSON.stringify({ [canary]: null }),
    ])
    await tx.query(
      `insert into import_errors (tenant_id, import_id, line, reason) select tenant_id, id, 1, $2 from imports where tenant_id = $1`,
      [tenantId, canary],
    )
  })
}

/** How many rows of a tenant hold the canary, by table, whatever the column. */
async function canariesIn(hub: Hub, tenantId: string): Promise<Record<string, number>> {
  return asSuperuser(hub, async (query) => {
    const { rows } = await query(
      `select table_name as name from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
       where column_name = 'tenant_id' and table_schema = 'public' and table_type = 'BASE TABLE'`,
    )
    const found: Record<string, number> = {}
    for (const { name } of rows as { name: string }[]) {
      const { rows: counted } = await query(
        `select count(*)::int as held from ${name} t where tenant_id = $1 and t::text ilike '%heliotrope%'`,
        [tenantId],
      )
      const [{ held = 0 } = {}] = counted as { held?: number }[]
      if (held > 0) found[name] = held
    }
    return found
  })
}

/** Whatever somebody can read: each operation plain, by the bait, and with ids of `ids` in its path and its filters. */
async function readAll(
  rest: RestClient,
  token: string,
  ids: readonly World['near'][],
): Promise<Map<string, string>> {
  const texts = new Map<string, string>()
  const filters: Readonly<Record<string, string>> = {
    actorId: '/admin/users',
    assigneeId: '/admin/users',
    channel: '/api/v1/channels',
    contact: '/admin/contacts',
    contactId: '/admin/contacts',
    conversationId: '/api/v1/conversations',
    customerId: '/admin/customers',
    dealId: '/admin/deals',
    ownerId: '/admin/users',
    pipelineId: '/admin/pipelines',
    stageId: '/admin/pipeline-stages',
    tag: '/admin/tags',
  }
  for (const { method, path } of operations) {
    if (method !== 'get') continue
    const names = (paths[path]?.get?.parameters ?? [])
      .filter((one) => one.in === 'query')
      .map(({ name }) => name)
    const places = path.includes('/{')
      ? ids.flatMap((world) => {
          const id = world[path.slice(0, path.indexOf('/{'))]
          return id === undefined ? [] : [path.replace(/\{\w+\}/, String(id))]
        })
      : [path]
    const queries = ['']
    if (names.includes('q')) queries.push(`q=${bait}`)
    if (path === '/api/v1/search')
      queries.push(
        ...['messages', 'contacts', 'deals', 'customers', 'notes'].map((kind) => `q=${bait}&kind=${kind}`),
      )
    if (path === '/api/v1/events') queries.push('after=1:0&limit=200')
    if (names.includes('include'))
      queries.push('include=owner', 'include=customer', 'include=tags', 'include=contact')
    if (names.includes('deleted')) queries.push('deleted=only')
    if (names.includes('redirect')) queries.push('redirect=false')
    if (names.includes('label')) queries.push(`label=${encodeURIComponent(canary)}`)
    if (names.includes('cf')) queries.push(`cf=${encodeURIComponent('secret:')}${encodeURIComponent(canary)}`)
    for (const [name, list] of Object.entries(filters))
      for (const world of ids)
        if (names.includes(name) && world[list] !== undefined) queries.push(`${name}=${world[list]}`)
    for (const place of places)
      for (const query of new Set(queries)) {
        const whole = query === '' ? place : `${place}?${query}`
        const { text, headers, body } = await rest.call<{ nextCursor?: string | null }>('GET', whole, {
          token,
        })
        texts.set(`GET ${whole}`, `${text} ${headers.get('location') ?? ''}`)
        // The log is longer than a page.
        let next = path === '/api/v1/events' ? body.nextCursor : null
        while (next) {
          const more = await rest.call<{ nextCursor?: string | null }>(
            'GET',
            `${place}?after=${next}&limit=200`,
            { token },
          )
          texts.set(`GET ${place} after ${next}`, more.text)
          next = more.body.nextCursor === next ? null : more.body.nextCursor
        }
      }
  }
  return texts
}

const word = 'heliotrope'
/** What was asked when the canary came, and what stood around it. */
const leaks = (texts: ReadonlyMap<string, string>): string[] =>
  [...texts]
    .filter(([, text]) => text.includes(word))
    .map(
      ([asked, text]) =>
        `${asked}: ${text.slice(Math.max(0, text.indexOf(word) - 200), text.indexOf(word) + 50)}`,
    )

const heard = (client: TestClient) => JSON.stringify(client.heard.map(({ name, payload }) => [name, payload]))

test('[RGT17] texts of another tenant are in nothing that anybody reads, hears, finds or is refused', async () => {
  const { rest, number, listen, ...opened } = await open()
  await using hub = opened.hub
  const own = await buildWorld(hub, rest, number, hub.tenant)
  const other = await buildWorld(hub, rest, number, await hub.addTenant())
  const readers = Object.entries(own.tokens).flatMap(([who, token]) =>
    token === undefined ? [] : [{ who, token }],
  )
  const live = await Promise.all(readers.map(({ token }) => listen(token)))
  const theirs = await listen(other.admin.token)
  await fill(hub, rest, other)

  const held = await canariesIn(hub, other.tenantId)
  expect(await canariesIn(hub, hub.tenant.id)).toEqual({})
  expect(Object.keys(held)).toEqual(
    expect.arrayContaining([
      'activities',
      'api_keys',
      'attachments',
      'audit_logs',
      'channels',
      'contacts',
      'conversations',
      'custom_fields',
      'customers',
      'deals',
      'import_errors',
      'imports',
      'messages',
      'notes',
      'pipeline_stages',
      'pipelines',
      'saved_views',
      'tags',
      'teams',
      'templates',
      'users',
    ]),
  )
  // Who may read them does, by the same requests: a look that finds nothing anywhere would prove nothing.
  expect(leaks(await readAll(rest, other.admin.token, [other.near])).length).toBeGreaterThan(60)
  await theirs.next('note.added')
  expect(heard(theirs)).toContain(word)

  for (const { who, token } of readers) {
    expect(leaks(await readAll(rest, token, [own.near, other.near])), who).toEqual([])
    const back = await listen(token, '1:0')
    expect(heard(back), who).not.toContain(word)
    back.close()
  }
  for (const client of live) expect(heard(client)).not.toContain(word)
}, 120_000)

test('[RGT17] texts of a closed number are in nothing that an agent who does not work there reads, hears or finds', async () => {
  const { rest, number, listen, ...opened } = await open()
  await using hub = opened.hub
  const own = await buildWorld(hub, rest, number, hub.tenant)
  const [far] = own.far
  if (far === undefined) throw new Error('nothing is far')
  const live = await listen(own.agent.token)
  const insiders = await listen(own.insider.token)
  const talk = String(far['/api/v1/conversations'])
  const contact = far['/admin/contacts']
  const write = async (method: string, path: string, json: object) => {
    const { status, text } = await rest.call(method, path, { token: own.insider.token, json })
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`)
  }
  await write('PATCH', `/admin/contacts/${contact}`, { firstName: canary, lastName: canary })
  await write('POST', `/api/v1/conversations/${talk}/labels`, { add: [canary] })
  await write('POST', `/api/v1/conversations/${talk}/notes`, { body: canary })
  await write('POST', `/api/v1/conversations/${talk}/messages`, {
    clientMessageId: uuidv7(),
    type: 'text',
    text: canary,
  })
  await write('POST', '/admin/notes', { body: canary, contactId: contact })
  await write('POST', '/admin/deals', {
    title: canary,
    stageId: own.near['/admin/pipeline-stages'],
    ownerId: own.insider.actor.id,
  })
  await write('POST', '/admin/activities', {
    type: 'task',
    subject: canary,
    assigneeId: own.insider.actor.id,
  })
  // Nobody's, and about somebody of the closed number.
  const about = { contactId: contact, conversationId: talk }
  await write('POST', '/admin/activities', { type: 'task', subject: canary, ...about })
  const free = await rest.call<{ data: Row }>('POST', '/admin/deals', {
    token: own.insider.token,
    json: { title: canary, stageId: own.near['/admin/pipeline-stages'], contactId: contact },
  })
  const dealId = free.body.data.id
  await write('POST', '/admin/notes', { body: canary, dealId })
  await write('POST', '/admin/activities', { type: 'task', subject: canary, dealId })
  await write('POST', '/admin/saved-views', { entity: 'deal', name: canary })
  await customerWrites(hub, talk, canary)

  const ids = [own.near, ...own.far]
  expect(leaks(await readAll(rest, own.insider.token, ids)).length).toBeGreaterThan(30)
  expect(leaks(await readAll(rest, own.agent.token, ids))).toEqual([])
  await insiders.next('message.received')
  expect(heard(insiders)).toContain(word)
  const back = await listen(own.agent.token, '1:0')
  for (const client of [live, back]) expect(heard(client)).not.toContain(word)
}, 120_000)
