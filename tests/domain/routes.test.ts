import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  changedConversation,
  conversationAnswer,
  conversationList,
  noteAnswer,
  noteList,
} from '../../src/contract/rest/conversations.ts'
import { messagePage, searchAnswers } from '../../src/contract/rest/messages.ts'
import { eventsAnswer, syncAnswer } from '../../src/contract/rest/sync.ts'
import { type Api, startApi } from '../harness/api.ts'
import { buildChannel, buildConversation, customerWrites, type SignedIn } from '../harness/crowd.ts'
import { type Hub, startHub } from '../harness/hub.ts'

let hub: Hub
let api: Api
let ana: SignedIn
let id: string

beforeAll(async () => {
  hub = await startHub()
  api = await startApi(hub)
  ana = await hub.signIn('agent', { sub: 'ana' })
  id = (await buildConversation(hub, await buildChannel(hub))).id
  await customerWrites(hub, id, 'hello')
})
afterAll(() => hub[Symbol.asyncDispose]())

const post = (path: string, body?: object, headers?: Record<string, string>) =>
  api.call(ana.token, 'POST', `/conversations/${id}/${path}`, body, headers)

test('[CON17] every answer has the documented shape', async () => {
  for (const [path, shape] of [
    ['/conversations', conversationList],
    [`/conversations/${id}`, conversationAnswer],
    [`/conversations/${id}/messages`, messagePage],
    [`/conversations/${id}/notes`, noteList],
    ['/sync', syncAnswer],
    ['/events?after=1:0', eventsAnswer],
    ['/search?q=hello', searchAnswers.messages],
    ['/search?q=zoe&kind=contacts', searchAnswers.contacts],
  ] as const)
    expect(shape.safeParse(await api.get(ana.token, path)).error, path).toBeUndefined()
})

test('[CON17] each change is a POST that answers with the conversation', async () => {
  const snoozedUntil = new Date(Date.now() + 3_600_000).toISOString()
  for (const [path, body, shown] of [
    ['claim', undefined, { assignee: { id: ana.actor.id } }],
    ['assign', { userId: null }, { assignee: null }],
    ['status', { status: 'snoozed', snoozedUntil }, { status: 'snoozed', snoozedUntil }],
    ['status', { status: 'pending' }, { status: 'pending', snoozedUntil: null }],
    ['labels', { add: ['vip'] }, { labels: ['vip'] }],
    ['read', { seq: 1 }, { readSeq: 1, unreadCount: 0 }],
  ] as const) {
    const answer = await post(path, body)
    expect(answer).toMatchObject({ status: 200, body: { data: shown } })
    changedConversation.parse(answer.body)
  }
})

test('[CON17] a note asked for twice with one Idempotency-Key is one note, and the answers are the same', async () => {
  const [first, second] = [
    await post('notes', { body: 'call back' }, { 'idempotency-key': 'n-1' }),
    await post('notes', { body: 'call back' }, { 'idempotency-key': 'n-1' }),
  ]
  noteAnswer.parse(first.body)
  expect(second).toEqual(first)
  expect((await api.get<{ data: object[] }>(ana.token, `/conversations/${id}/notes`)).data).toHaveLength(1)
})

test('[CON17] what is unknown, missing or of the wrong shape is refused', async () => {
  for (const [path, body] of [
    ['claim', { force: true }],
    ['assign', { userId: 'ana' }],
    ['status', { status: 'snoozed' }],
    ['status', { status: 'open', snoozedUntil: new Date().toISOString() }],
    ['status', { status: 'closed' }],
    ['labels', { add: ['x'.repeat(65)] }],
    ['labels', { add: ['a\0b'] }],
    ['read', {}],
    ['notes', { body: '' }],
    ['notes', { body: 'a\0b' }],
  ] as const)
    expect(await post(path, body)).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
  expect((await post('labels', { add: ['x'.repeat(64)] })).status).toBe(200)
  expect((await api.call(ana.token, 'GET', '/conversations/not-an-id')).status).toBe(404)
})
