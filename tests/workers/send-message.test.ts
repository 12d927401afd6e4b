import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Actor } from '../../src/auth/actor.ts'
import { Failure } from '../../src/contract/errors.ts'
import type { SendMessageInput } from '../../src/contract/socket.ts'
import { sendMessage } from '../../src/domain/messages/send-message.ts'
import { readTenant } from '../../src/log/read-tenant.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { readEvents } from '../../src/log/read.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { connectNumber, type TestNumber } from '../harness/number.ts'

let hub: Hub
let number: TestNumber
let ana: Actor
let ben: Actor

beforeAll(async () => {
  hub = await startHub({ TEXT_CHARACTERS: '100' })
  number = await connectNumber(hub)
  ana = (await hub.signIn('agent', { sub: 'ana' })).actor
  ben = (await hub.signIn('agent', { sub: 'ben' })).actor
})
afterAll(() => hub[Symbol.asyncDispose]())

type Input = Partial<SendMessageInput> & { conversationId: string }
const text = (
  conversationId: string,
  more: Partial<SendMessageInput> = {},
): Required<Pick<Input, 'conversationId'>> & SendMessageInput => ({
  conversationId,
  clientMessageId: uuidv7(),
  type: 'text',
  text: 'hello',
  ...more,
})
const send = (input: SendMessageInput & { conversationId: string }, actor: Actor = ana) =>
  sendMessage(hub.deps, actor, input)

async function refusal(sending: Promise<unknown>): Promise<Failure> {
  const error = await sending.then(
    () => new Error('it was let through'),
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(Failure)
  return error as Failure
}
const change = (sql: string, values: readonly unknown[]) =>
  inTenant(hub.deps, hub.tenant.id, (tx) => tx.query(sql, [hub.tenant.id, ...values]))
const rows = <Row extends object>(sql: string, values: readonly unknown[]) =>
  readTenant(hub.deps, hub.tenant.id, (query) => query<Row>(sql, [hub.tenant.id, ...values]))

describe('queueing', () => {
  test('[OUT2] a message is a row, the next one of its conversation, and an event, all at once', async () => {
    const { id } = await number.conversation()
    const first = await send(text(id))
    const second = await send(text(id, { text: 'again' }))
    expect(first).toMatchObject({
      repeated: false,
      message: {
        conversationId: id,
        seq: 1,
        direction: 'out',
        status: 'queued',
        author: { kind: 'agent', name: 'ana' },
      },
    })
    expect(second.message.seq).toBe(2)
    const page = await readEvents(hub.deps, hub.tenant.id, { epoch: 1, seq: 0 }, 1000)
    const events =
      typeof page === 'string'
        ? []
        : page.events.filter(({ scope }) => 'conversationId' in scope && scope.conversationId === id)
    expect(events.map(({ type }) => type)).toEqual(['message.queued', 'message.queued'])
    expect(JSON.parse(events[1]?.payload ?? '')).toMatchObject({
      message: second.message,
      conversation: { id, lastSeq: 2, waitingSince: null, unreadCount: 0 },
    })
    const [row] = await rows<{
      last_seq: number
      last_message_id: string
      waiting_since: null
      version: number
    }>(
      'select last_seq, last_message_id, waiting_since, version from conversations where tenant_id = $1 and id = $2',
      [id],
    )
    expect(row).toEqual({ last_seq: 2, last_message_id: second.message.id, waiting_since: null, version: 3 })
  })

  test('[OUT2] the same key ten times at once is one message', async () => {
    const { id } = await number.conversation()
    const input = text(id)
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(input)))
    expect(new Set(answers.map(({ message }) => message.id)).size).toBe(1)
    expect(answers.filter(({ repeated }) => !repeated)).toHaveLength(1)
    expect(await send(input)).toMatchObject({ repeated: true, message: { id: answers[0]?.message.id } })
    const found = await rows('select 1 from messages where tenant_id = $1 and conversation_id = $2', [id])
    expect(found).toHaveLength(1)
  })

  test('[OUT2] two processes that get the same key at once make one message', async () => {
    const { openDeps } = await import('../../src/deps.ts')
    const other = openDeps(hub.config, 'other')
    const { id } = await number.conversation()
    for (let round = 0; round < 10; round++) {
      const input = text(id)
      const [here, there] = await Promise.all([send(input), sendMessage(other, ana, input)])
      expect(here.message.id).toBe(there.message.id)
      expect(here.repeated).toBe(!there.repeated)
    }
    await other.close()
  })

  test('[OUT2] a key that is used again for something else is refused, in the same conversation and in another', async () => {
    const { id } = await number.conversation()
    const { id: elsewhere } = await number.conversation()
    const input = text(id)
    await send(input)
    expect((await refusal(send({ ...input, text: 'something else' }))).code).toBe('idempotency_key_reused')
    expect((await refusal(send({ ...input, conversationId: elsewhere }))).code).toBe('idempotency_key_reused')
    expect((await send({ ...input }, ben)).repeated).toBe(false)
  })

  test('a batch with a bad message fails that one alone', async () => {
    const { id } = await number.conversation()
    const settled = await Promise.allSettled([
      send(text(id, { text: 'one' })),
      send(text(uuidv7())),
      send(text(id, { text: 'x'.repeat(101) })),
      send(text(id, { text: 'a \u0000 in it' })),
      send(text(id, { text: 'half \ud83d of a pair' })),
      send(text(id, { text: 'two' })),
    ])
    expect(settled.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'rejected',
      'rejected',
      'fulfilled',
    ])
    const found = await rows<{ text: string; seq: number }>(
      'select text, seq from messages where tenant_id = $1 and conversation_id = $2 order by seq',
      [id],
    )
    expect(found).toEqual([
      { text: 'one', seq: 1 },
      { text: 'two', seq: 2 },
    ])
  })

  test('text that only looks like a zero byte is text', async () => {
    const { id } = await number.conversation()
    const { message } = await send(text(id, { text: String.raw`a \u0000 and \\ud83d` }))
    expect(message.text).toBe(String.raw`a \u0000 and \\ud83d`)
  })
})

describe('[OUT1] the gate refuses', () => {
  test('a viewer, and an agent whose conversation it is not', async () => {
    const { actor: viewer } = await hub.signIn('viewer')
    const { id } = await number.conversation()
    expect((await refusal(send(text(id), viewer))).code).toBe('forbidden')
    await change('update conversations set assignee_id = $3 where tenant_id = $1 and id = $2', [
      id,
      ana.kind === 'user' ? ana.id : null,
    ])
    expect((await refusal(send(text(id), ben))).code).toBe('not_found')
    expect((await send(text(id))).message.status).toBe('queued')
  })

  test('conversations of other tenants as if they did not exist', async () => {
    const other = await hub.addTenant()
    const theirs = await connectNumber(hub, { tenant: other.slug === '' ? '' : other.id })
    const { id } = await theirs.conversation()
    expect((await refusal(send(text(id)))).code).toBe('not_found')
  })

  test.each([
    ['a text without text', { type: 'text', text: undefined }],
    ['a text with a place', { type: 'text', location: { latitude: 1, longitude: 1 } }],
    ['an image without file', { type: 'image', text: undefined }],
    [
      'a reaction that answers',
      { type: 'reaction', text: undefined, reaction: { messageId: uuidv7(), emoji: 'x' }, replyTo: uuidv7() },
    ],
    ['two captions', { type: 'image', text: 'a', media: { id: uuidv7(), caption: 'b' } }],
    ['a caption of an audio', { type: 'audio', text: 'a', media: { id: uuidv7() } }],
  ] as const)('%s', async (_name, more) => {
    const { id } = await number.conversation()
    const failure = await refusal(send({ ...text(id), ...more } as never))
    expect(failure.code).toBe('validation_failed')
    expect(failure.details.errors).toEqual([
      { in: 'body', pointer: expect.stringMatching(/^\//), message: expect.any(String) },
    ])
  })

  test('a text that is one character too long, counted as people do', async () => {
    const { id } = await number.conversation()
    expect((await send(text(id, { text: '😀'.repeat(100) }))).message.status).toBe('queued')
    const failure = await refusal(send(text(id, { text: '😀'.repeat(101) })))
    expect(failure).toMatchObject({ code: 'validation_failed', details: { limit: 100 } })
  })

  test('free text when the window is closed, with its end; a template goes', async () => {
    const closed = await number.conversation({ hoursAgo: 25 })
    const never = await number.conversation({ hoursAgo: null })
    const failure = await refusal(send(text(closed.id)))
    expect(failure).toMatchObject({
      code: 'window_closed',
      details: { expiresAt: expect.stringMatching(/Z$/) },
    })
    expect((await refusal(send(text(never.id)))).details).toEqual({ expiresAt: null })
    const template = {
      type: 'template',
      text: undefined,
      template: { name: 'hello', language: 'en_US' },
    } as const
    expect((await send({ ...text(closed.id), ...template } as never)).message.payload).toEqual({
      template: template.template,
    })
  })

  test('a template that the network did not approve, and an unknown one once the whole list is known', async () => {
    const own = await connectNumber(hub)
    const { id } = await own.conversation()
    const template = (name: string) =>
      send({ ...text(id), type: 'template', text: undefined, template: { name, language: 'en_US' } } as never)
    const know = (name: string, status: string, components: unknown) =>
      change(
        `insert into templates (tenant_id, id, channel_id, provider_template_id, name, language, status, category, components)
         values ($1, $2, $3, $4, $4, 'en_US', $5, 'UTILITY', $6)`,
        [uuidv7(), own.channelId, name, status, components],
      )
    await know('rejected', 'REJECTED', null)
    expect((await refusal(template('rejected'))).details).toMatchObject({
      name: 'rejected',
      status: 'REJECTED',
    })
    expect((await template('never-heard-of')).message.status).toBe('queued')
    await know('listed', 'APPROVED', '[]')
    expect((await template('listed')).message.status).toBe('queued')
    expect((await refusal(template('never-heard-of'))).code).toBe('template_not_approved')
  })

  test('marketing to somebody who said no; other templates and answers go', async () => {
    const own = await connectNumber(hub)
    const { id, contactId } = await own.conversation()
    await change(`update contacts set marketing = 'denied' where tenant_id = $1 and id = $2`, [contactId])
    for (const category of ['MARKETING', 'UTILITY'])
      await change(
        `insert into templates (tenant_id, id, channel_id, provider_template_id, name, language, status, category)
         values ($1, $2, $3, $4, $4, 'en_US', 'APPROVED', $4)`,
        [uuidv7(), own.channelId, category],
      )
    const template = (name: string) =>
      send({ ...text(id), type: 'template', text: undefined, template: { name, language: 'en_US' } } as never)
    expect((await refusal(template('MARKETING'))).code).toBe('consent_denied')
    expect((await refusal(template('UNKNOWN'))).code).toBe('consent_denied')
    expect((await template('UTILITY')).message.status).toBe('queued')
    expect((await send(text(id))).message.status).toBe('queued')
  })

  test('a blocked contact and one without an address', async () => {
    const blocked = await number.conversation()
    await change('update contacts set blocked = true where tenant_id = $1 and id = $2', [blocked.contactId])
    expect((await refusal(send(text(blocked.id)))).code).toBe('contact_blocked')
    const nameless = await number.conversation()
    await change(
      `update contact_identities set kind = 'username', value = 'cora.' || $2 where tenant_id = $1 and contact_id = $2`,
      [nameless.contactId],
    )
    expect((await refusal(send(text(nameless.id)))).code).toBe('contact_unreachable')
  })

  test.each(['disconnected', 'blocked', 'removed', 'stopped'])('a number that is %s', async (state) => {
    const own = await connectNumber(hub)
    const { id } = await own.conversation()
    if (state === 'stopped')
      await change(`update channels set stopped_reason = 'token expired' where tenant_id = $1 and id = $2`, [
        own.channelId,
      ])
    else
      await change('update channels set status = $3 where tenant_id = $1 and id = $2', [own.channelId, state])
    expect((await refusal(send(text(id)))).code).toBe('channel_down')
    await change(
      `update channels set stopped_reason = null, status = 'restricted' where tenant_id = $1 and id = $2`,
      [own.channelId],
    )
    expect((await send(text(id))).message.status).toBe('queued')
  })

  test('what a colleague wrote and the sender had not seen, with it; force goes past it', async () => {
    const { id } = await number.conversation()
    await send(text(id, { text: 'mine' }))
    const theirs = await send(text(id, { text: 'from ben' }), ben)
    const failure = await refusal(send(text(id, { lastSeenSeq: 0 })))
    expect(failure).toMatchObject({ code: 'colleague_replied', details: { newer: [theirs.message] } })
    expect((await send(text(id, { lastSeenSeq: 2 }))).message.seq).toBe(3)
    expect((await send(text(id, { lastSeenSeq: 2 }))).message.seq, 'own messages are no news').toBe(4)
    expect((await refusal(send(text(id, { lastSeenSeq: 3 }), ben))).details.newer).toHaveLength(1)
    expect((await send(text(id, { lastSeenSeq: 0, force: true }))).message.seq).toBe(5)
  })

  test('the second of two colleagues that answer in the same moment', async () => {
    const { id } = await number.conversation()
    const settled = await Promise.allSettled([
      send(text(id, { lastSeenSeq: 0 })),
      send(text(id, { lastSeenSeq: 0 }), ben),
    ])
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  })

  test('at most 20 newer messages are shown', async () => {
    const { id } = await number.conversation()
    await Promise.all(Array.from({ length: 25 }, () => send(text(id), ben)))
    expect((await refusal(send(text(id, { lastSeenSeq: 0 })))).details.newer).toHaveLength(20)
  })

  test('a file that is not there yet, of somebody else or of another tenant', async () => {
    const { id } = await number.conversation()
    const file = async (state: string, direction = 'out', owner: Actor = ana, tenantId = hub.tenant.id) => {
      const mediaId = uuidv7()
      await inTenant(hub.deps, tenantId, (tx) =>
        tx.query(
          `insert into attachments (tenant_id, id, direction, state, mime_type, size_bytes, created_by, object_key) values ($1, $2, $3, $4, 'image/png', 9, $5, 'test/nothing')`,
          [tenantId, mediaId, direction, state, owner.kind === 'user' ? owner.id : null],
        ),
      )
      return mediaId
    }
    const image = (mediaId: string) =>
      send({ ...text(id), type: 'image', text: undefined, media: { id: mediaId } } as never)
    await hub.deps.storage.ready()
    const waiting = await refusal(image(await file('awaiting_upload')))
    expect(waiting).toMatchObject({ code: 'media_not_ready' })
    expect((await refusal(image(await file('failed')))).code).toBe('media_refused')
    expect((await refusal(image(await file('stored', 'in')))).code).toBe('not_found')
    expect((await refusal(image(await file('stored', 'out', ben)))).code).toBe('not_found')
    const other = await hub.addTenant()
    expect((await refusal(image(await file('stored', 'out', ana, other.id)))).code).toBe('not_found')
    const sent = await image(await file('stored'))
    expect(sent.message.media).toMatchObject({ mimeType: 'image/png', state: 'stored' })
  })

  test('answers and reactions to messages that are not in the conversation or that the network does not know', async () => {
    const { id } = await number.conversation()
    const { id: elsewhere } = await number.conversation()
    const other = await send(text(elsewhere))
    const own = await send(text(id))
    expect((await refusal(send(text(id, { replyTo: other.message.id })))).details.errors).toMatchObject([
      { pointer: '/replyTo' },
    ])
    expect((await send(text(id, { replyTo: own.message.id }))).message.replyTo).toEqual({
      id: own.message.id,
    })
    const react = (messageId: string) =>
      send({ ...text(id), type: 'reaction', text: undefined, reaction: { messageId, emoji: '👍' } } as never)
    expect((await refusal(react(own.message.id))).details.errors).toMatchObject([
      { pointer: '/reaction/messageId' },
    ])
    await change(
      `update messages set provider_message_id = 'net-1', status = 'sent' where tenant_id = $1 and id = $2`,
      [own.message.id],
    )
    expect((await react(own.message.id)).message.payload).toEqual({
      emoji: '👍',
      targetProviderMessageId: 'net-1',
      targetFromUs: true,
    })
  })
})

describe('resolved conversations', () => {
  const resolve = (id: string) =>
    change(
      `update conversations set status = 'resolved', resolved_at = now() where tenant_id = $1 and id = $2`,
      [id],
    )

  test('an answer opens it again and says so', async () => {
    const { id } = await number.conversation()
    await resolve(id)
    await send(text(id))
    const [row] = await rows<{ status: string; resolved_at: null }>(
      'select status, resolved_at from conversations where tenant_id = $1 and id = $2',
      [id],
    )
    expect(row).toEqual({ status: 'open', resolved_at: null })
    const page = await readEvents(hub.deps, hub.tenant.id, { epoch: 1, seq: 0 }, 1000)
    const types =
      typeof page === 'string'
        ? []
        : page.events.filter(({ scope }) => 'conversationId' in scope && scope.conversationId === id)
    expect(types.map(({ type }) => type)).toEqual(['message.queued', 'conversation.status_changed'])
  })

  test('not when the window is closed, and not when the contact has a newer one', async () => {
    const old = await number.conversation({ hoursAgo: 30 })
    await resolve(old.id)
    expect((await refusal(send(text(old.id)))).code).toBe('window_closed')
    const { id, contactId } = await number.conversation()
    await resolve(id)
    const live = await number.conversation()
    await change('update conversations set contact_id = $3 where tenant_id = $1 and id = $2', [
      live.id,
      contactId,
    ])
    const failure = await refusal(send(text(id)))
    expect(failure).toMatchObject({ code: 'conversation_closed', details: { liveConversationId: live.id } })
  })
})

describe('limits', () => {
  test('more sends than SEND_WAITING are refused, and the ones before them go through', async () => {
    const small = await startHub({ SEND_WAITING: '3' })
    const own = await connectNumber(small)
    const { actor } = await small.signIn('agent')
    const { id } = await own.conversation()
    const settled = await Promise.allSettled(
      Array.from({ length: 4 }, () => sendMessage(small.deps, actor, text(id))),
    )
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected'])
    expect(settled[3]).toMatchObject({ reason: { code: 'rate_limited' } })
    await small[Symbol.asyncDispose]()
  })
})
