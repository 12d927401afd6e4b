import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commandHandlers } from '../../src/command-handlers.ts'
import { readTenant } from '../../src/log/read-tenant.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { type GatewayHub, startGatewayHub } from '../gateway/setup.ts'
import { connectNumber, type TestNumber } from '../harness/number.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'
import type { TestClient } from '../harness/socket-client.ts'

let hub: GatewayHub
let rest: RestClient
let number: TestNumber
let token: string
let socket: TestClient
beforeAll(async () => {
  hub = await startGatewayHub({}, commandHandlers)
  rest = await startRestOf(hub)
  number = await connectNumber(hub)
  ;({ token } = await hub.signIn('agent', { sub: 'ana' }))
  socket = hub.connect({ token, playsUseCases: false })
  await socket.next('caught-up')
})
afterAll(() => hub[Symbol.asyncDispose]())

type Input = Readonly<Record<string, unknown>>
type Conversation = Awaited<ReturnType<TestNumber['conversation']>>
const change = (sql: string, values: readonly unknown[]) =>
  inTenant(hub.deps, hub.tenant.id, (tx) => tx.query(sql, [hub.tenant.id, ...values]))

/** Why a message cannot go: what brings that about, what is asked for then, and what both ways must answer. */
interface Case {
  readonly code: string
  readonly status: number
  readonly then: string
  readonly hoursAgo?: number
  readonly prepare?: (conversation: Conversation) => Promise<Input | undefined>
  readonly details: unknown
}

const template = (name: string) => ({ type: 'template', text: undefined, template: { name, language: 'en' } })
const know = async (name: string, category: string, status: string) => {
  await change(
    `insert into templates (tenant_id, id, channel_id, provider_template_id, name, language, status, category)
     values ($1, $2, $3, $4, $4, 'en', $5, $6)`,
    [uuidv7(), number.channelId, name, status, category],
  )
  return template(name)
}

const cases: readonly Case[] = [
  {
    code: 'window_closed',
    status: 422,
    then: 'fix',
    hoursAgo: 25,
    details: { expiresAt: expect.stringMatching(/^\d{4}-.*Z$/) },
  },
  {
    code: 'colleague_replied',
    status: 409,
    then: 'review',
    prepare: async ({ id }) => {
      const { token: ben } = await hub.signIn('agent', { sub: 'ben' })
      const json = { clientMessageId: uuidv7(), type: 'text', text: 'I have it' }
      const path = `/api/v1/conversations/${id}/messages`
      expect((await rest.call('POST', path, { token: ben, json })).status).toBe(202)
      return { lastSeenSeq: 0 }
    },
    details: { newer: [expect.objectContaining({ text: 'I have it', seq: 1 })] },
  },
  {
    code: 'consent_denied',
    status: 422,
    then: 'stop',
    prepare: async ({ contactId }) => {
      await change(`update contacts set marketing = 'denied' where tenant_id = $1 and id = $2`, [contactId])
      return know('offer', 'MARKETING', 'APPROVED')
    },
    details: expect.anything(),
  },
  {
    code: 'template_not_approved',
    status: 422,
    then: 'fix',
    prepare: () => know('bad', 'UTILITY', 'REJECTED'),
    details: expect.objectContaining({ name: 'bad', status: 'REJECTED' }),
  },
  {
    code: 'contact_blocked',
    status: 422,
    then: 'stop',
    prepare: async ({ contactId }) => {
      await change('update contacts set blocked = true where tenant_id = $1 and id = $2', [contactId])
      return undefined
    },
    details: expect.anything(),
  },
  {
    code: 'media_not_ready',
    status: 409,
    then: 'later',
    prepare: async () => {
      const json = { mimeType: 'image/png', sizeBytes: 9, fileName: 'a.png' }
      const made = await rest.call<{ data: { id: string } }>('POST', '/api/v1/media', { token, json })
      expect(made.status).toBe(201)
      return { type: 'image', text: undefined, media: { id: made.body.data.id } }
    },
    details: expect.anything(),
  },
  // The last one: nothing can be sent through this number afterwards.
  {
    code: 'channel_down',
    status: 409,
    then: 'later',
    prepare: async () => {
      await change(`update channels set status = 'disconnected' where tenant_id = $1 and id = $2`, [
        number.channelId,
      ])
      return undefined
    },
    details: expect.anything(),
  },
]

describe('[OUT1] [REST2] [GW13] a message that cannot go is refused alike over REST and over the socket, and leaves nothing', () => {
  test.each(cases)('$code', async ({ code, status, then, hoursAgo, prepare, details }) => {
    const conversation = await number.conversation(hoursAgo === undefined ? {} : { hoursAgo })
    const { id } = conversation
    const more = await prepare?.(conversation)
    const messages = () =>
      readTenant(hub.deps, hub.tenant.id, (query) =>
        query('select id from messages where conversation_id = $1', [id]),
      )
    const before = await messages()
    const json = () => ({ clientMessageId: uuidv7(), type: 'text', text: 'hello', ...more })
    const problem = await rest.refused('POST', `/api/v1/conversations/${id}/messages`, {
      token,
      json: json(),
    })
    expect(problem).toMatchObject({ status, code, then })
    expect(problem.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    const shown = problem.details ?? {}
    expect(shown).toEqual(details)
    const ack = await socket.send('message.send', { conversationId: id, ...json() })
    expect(ack).toEqual({
      ok: false,
      error: { code, then, message: problem.detail, ...(problem.details && { details: shown }) },
    })
    expect(await messages()).toEqual(before)
  })

  test('already_claimed', async () => {
    const { id } = await number.conversation()
    const { token: ben, actor } = await hub.signIn('manager', { sub: 'ben-the-manager' })
    const path = `/api/v1/conversations/${id}/claim`
    expect((await rest.call('POST', path, { token: ben })).status).toBe(200)
    const boss = await hub.signIn('manager', { sub: 'boss' })
    const wanted = { code: 'already_claimed', then: 'review', details: { owner: { id: actor.id } } }
    expect(await rest.refused('POST', path, { token: boss.token })).toMatchObject({ status: 409, ...wanted })
    const other = hub.connect({ token: boss.token, playsUseCases: false })
    await other.next('caught-up')
    expect(await other.send('conversation.claim', { conversationId: id })).toMatchObject({
      ok: false,
      error: wanted,
    })
  })
})
