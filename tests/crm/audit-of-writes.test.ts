import type { IRouter } from 'express'
import { expect, test } from 'vitest'
import { commands } from '../../src/contract/socket.ts'
import type { SessionActor } from '../../gateway/session.ts'
import { commandHandlers } from '../../src/command-handlers.ts'
import { conversationRoutes } from '../../src/domain/conversations/conversations.routes.ts'
import { messageRoutes } from '../../src/domain/messages/messages.routes.ts'
import { crmRoutes } from '../../src/domain/records/crm.routes.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { asSuperuser } from '../cli/cli.ts'
import { buildChannel, buildConversation, customerWrites } from '../harness/crowd.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'

const writing = new Set(['post', 'put', 'patch', 'delete'])

/** `POST /customers/:id` of every route that writes; routers in routers too. */
function writesOf(router: IRouter): string[] {
  return router.stack.flatMap(({ route, handle }) => {
    if (!route) return 'stack' in handle ? writesOf(handle as unknown as IRouter) : []
    return route.stack
      .filter(({ method }) => writing.has(method))
      .map(({ method }) => `${method.toUpperCase()} ${route.path}`)
  })
}

/** Rows of the trail, and actions of those behind a number. */
async function trailBehind(hub: Hub, number: number): Promise<{ last: number; actions: string[] }> {
  const { rows } = await asSuperuser(hub, (query) =>
    query(
      'select number::integer, action from audit_logs where tenant_id = $1 and number > $2 order by number',
      [hub.tenant.id, number],
    ),
  )
  const found = rows as { number: number; action: string }[]
  return { last: found.at(-1)?.number ?? number, actions: found.map(({ action }) => action) }
}

/** Runs acts one by one and notes what each left in the trail. */
class Walk {
  readonly left = new Map<string, string[]>()
  readonly #hub: Hub
  readonly #rest: RestClient
  readonly #token: string
  #last = 0

  constructor(hub: Hub, rest: RestClient, token: string) {
    this.#hub = hub
    this.#rest = rest
    this.#token = token
  }

  /** Forgets what preparations left. */
  async skip(): Promise<void> {
    this.#last = (await trailBehind(this.#hub, this.#last)).last
  }

  async note(name: string): Promise<void> {
    const { last, actions } = await trailBehind(this.#hub, this.#last)
    this.#last = last
    this.left.set(name, actions)
  }

  /** `pattern` as the router has it; its names are filled in from `ids`, in order. */
  async call<Data = { id: number }>(
    pattern: string,
    json?: object,
    ...ids: (string | number)[]
  ): Promise<Data> {
    const [method = '', path = ''] = pattern.split(' ')
    const at = path.replaceAll(/:\w+/g, () => String(ids.shift()))
    const prefix = path.startsWith('/conversations') ? '/api/v1' : '/admin'
    const { body, status, text } = await this.#rest.call<{ data: Data }>(method, `${prefix}${at}`, {
      token: this.#token,
      ...(json && { json }),
    })
    expect(status, `${pattern}: ${text}`).toBeLessThan(300)
    await this.note(pattern)
    return body?.data
  }
}

/** The common routes of a kind: one row each, and of bulk one for each record. */
async function walkKind(walk: Walk, path: string, whole: (name: string) => object, part: object) {
  const { id } = await walk.call(`POST /${path}`, whole('one'))
  await walk.call(`PUT /${path}/:id`, whole('two'), id)
  await walk.call(`PATCH /${path}/:id`, part, id)
  await walk.call(`DELETE /${path}/:id`, undefined, id)
  await walk.call(`POST /${path}/:id/restore`, undefined, id)
  await walk.call(`POST /${path}/bulk`, { ids: [id], action: 'delete' })
  await walk.call(`POST /${path}/:id/restore`, undefined, id)
  return id
}

test('[AUD5] every write over REST and the socket leaves exactly one row in the trail; messages and marks of what was seen stand for themselves', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const { token, actor } = await hub.signIn('admin')
  const walk = new Walk(hub, rest, token)
  const channel = await buildChannel(hub)
  const { id: conversationId } = await buildConversation(hub, channel)
  const messageId = await customerWrites(hub, conversationId, 'hello?')
  await asSuperuser(hub, async (query) => {
    await query(`update conversations set window_expires_at = now() + interval '1 hour'`)
    await query(`update messages set provider_message_id = 'one'`)
  })
  await walk.skip()

  const customer = await walkKind(walk, 'customers', (name) => ({ name }), { name: 'three' })
  const tag = await walkKind(walk, 'tags', (name) => ({ name }), { name: 'three' })
  await walk.call('POST /customers/:id/tags/:tagId', undefined, customer, tag)
  await walk.call('DELETE /customers/:id/tags/:tagId', undefined, customer, tag)
  const field = (label: string) => ({ entity: 'customer', key: 'size', type: 'number', label })
  await walkKind(walk, 'custom-fields', field, { label: 'three' })
  await walkKind(walk, 'pipelines', (name) => ({ name }), { name: 'three' })
  const pipelines = await rest.call<{ data: { id: number }[] }>('GET', '/admin/pipelines?limit=200', {
    token,
  })
  const stage = await walkKind(
    walk,
    'pipeline-stages',
    (name) => ({ name, pipelineId: pipelines.body.data[0]?.id }),
    { name: 'three' },
  )
  const view = (name: string) => ({ entity: 'deal', name })
  const viewId = await walkKind(walk, 'saved-views', view, { name: 'three' })
  await walk.call('PUT /me/default-views/:entity', { viewId }, 'deal')
  const deal = await walkKind(walk, 'deals', (title) => ({ title, stageId: stage }), { title: 'three' })
  const stages = await rest.call<{ data: { id: number }[] }>('GET', '/admin/pipeline-stages', { token })
  const others = stages.body.data.map(({ id }) => id).filter((id) => id !== stage)
  await walk.call('POST /deals/:id/move', { stageId: others[0] }, deal)
  const activity = (subject: string) => ({ type: 'task', subject })
  const task = await walkKind(walk, 'activities', activity, { subject: 'three' })
  await walk.call('POST /activities/:id/complete', { outcome: 'fine' }, task)
  const noteId = await walkKind(walk, 'notes', (body) => ({ body, customerId: customer }), { body: 'three' })
  expect(noteId).toBeGreaterThan(0)
  const contact = await walkKind(walk, 'contacts', (firstName) => ({ firstName }), { firstName: 'three' })
  const identity = { kind: 'phone', value: '+4917155500' }
  await walk.call('POST /contacts/:id/identities', identity, contact)
  await rest.call('DELETE', `/admin/contacts/${contact}/identities?kind=phone&value=%2B4917155500`, { token })
  await walk.note('DELETE /contacts/:id/identities')
  const twin = await walk.call('POST /contacts', { firstName: 'twin' })

  const at = [conversationId] as const
  await walk.call('POST /conversations/:id/claim', undefined, ...at)
  await walk.call('POST /conversations/:id/assign', { userId: null }, ...at)
  await walk.call('POST /conversations/:id/labels', { add: ['a'] }, ...at)
  await walk.call('POST /conversations/:id/status', { status: 'pending' }, ...at)
  await walk.call('POST /conversations/:id/notes', { body: 'n' }, ...at)

  const handle = async (name: keyof typeof commandHandlers, input: object) => {
    const handler = commandHandlers[name] as (
      deps: object,
      actor: SessionActor,
      input: object,
    ) => Promise<unknown>
    await handler(hub.deps, actor as SessionActor, input)
    await walk.note(name)
  }
  await handle('conversation.claim', { conversationId })
  await handle('conversation.assign', { conversationId, userId: null })
  await handle('conversation.label', { conversationId, add: ['b'] })
  await handle('conversation.set-status', { conversationId, status: 'open' })
  await handle('conversation.snooze', {
    conversationId,
    snoozedUntil: new Date(Date.now() + 3_600_000).toISOString(),
  })
  await handle('note.add', { conversationId, body: 'm' })
  await handle('deal.move', { dealId: deal, stageId: others[1] })
  const { id: call } = await walk.call('POST /activities', activity('call'))
  await handle('activity.complete', { activityId: call })

  for (const [act, actions] of walk.left) expect(actions, act).toHaveLength(1)

  // Their own rows say who, when and what (docs/crm.md): messages and reactions, and marks of what was seen.
  const silent = ['message.send', 'message.react', 'conversation.read']
  const text = { clientMessageId: uuidv7(), type: 'text', text: 'hi' }
  await walk.call('POST /conversations/:id/messages', text, ...at)
  await walk.call('POST /conversations/:id/read', { seq: 1 }, ...at)
  await handle('message.send', { ...text, conversationId, clientMessageId: uuidv7() })
  await handle('message.react', { conversationId, messageId, emoji: '👍', clientMessageId: uuidv7() })
  await handle('conversation.read', { conversationId, seq: 2 })
  for (const act of ['POST /conversations/:id/messages', 'POST /conversations/:id/read', ...silent])
    expect(walk.left.get(act), act).toEqual([])

  // Two records into one, and back: a row for each of the two.
  const merged = await rest.call<{ merge: { id: string } }>('POST', `/admin/contacts/${contact}/merge`, {
    token,
    json: { otherId: twin.id },
  })
  await walk.note('POST /contacts/:id/merge')
  await walk.call('POST /contacts/merges/:mergeId/undo', undefined, merged.body.merge.id)
  for (const act of ['POST /contacts/:id/merge', 'POST /contacts/merges/:mergeId/undo'])
    expect(walk.left.get(act), act).toHaveLength(2)

  const walked = new Set(walk.left.keys())
  const unwalked = [crmRoutes(hub.deps), conversationRoutes(hub.deps), messageRoutes(hub.deps)]
    .flatMap(writesOf)
    .filter((write) => !walked.has(write) && !elsewhere.some((path) => path.test(write)))
  expect(unwalked).toEqual([])
  expect(Object.keys(commands).filter((name) => !walked.has(name))).toEqual(['session.renew'])
})

/** In tests of their own: they need a template of a network, or a file. */
const elsewhere = [/^POST \/conversations$/, /^\w+ \/(imports|exports)/]
