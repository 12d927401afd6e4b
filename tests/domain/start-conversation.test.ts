import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ConversationView } from '../../src/contract/conversation.ts'
import { setConversationStatus } from '../../src/domain/conversations/set-conversation-status.ts'
import { readHead } from '../../src/log/read.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { type Api, startApi } from '../harness/api.ts'
import { buildChannel, type SignedIn } from '../harness/crowd.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'

let hub: Hub
let api: Api
let channelId: string
let [ana, ben] = [] as unknown as [SignedIn, SignedIn]
const template = { name: 'welcome', language: 'en_US' }

beforeAll(async () => {
  hub = await startHub()
  api = await startApi(hub)
  channelId = await buildChannel(hub)
  ana = await hub.signIn('agent', { sub: 'ana' })
  ben = await hub.signIn('agent', { sub: 'ben', name: 'Ben' })
  await inTenant(hub.deps, hub.tenant.id, (tx) =>
    tx.query(
      `insert into templates (tenant_id, id, channel_id, provider_template_id, name, language, status, category, components)
       values ($1, $2, $3, '1', 'welcome', 'en_US', 'APPROVED', 'UTILITY', '[]'), ($1, $4, $3, '2', 'draft', 'en_US', 'REJECTED', 'UTILITY', '[]')`,
      [tx.tenantId, uuidv7(), channelId, uuidv7()],
    ),
  )
})
afterAll(() => hub[Symbol.asyncDispose]())

const start = (who: SignedIn, body: object, headers?: Record<string, string>) =>
  api.call<{
    data: ConversationView
    code: string
    errors: { pointer: string }[]
    details: Record<string, unknown>
  }>(who.token, 'POST', '/conversations', { channelId, template, ...body }, headers)

test('[CON16] a stranger is made a contact, the conversation belongs to who began it, and the template waits', async () => {
  const begun = await expectReplayEqualsSnapshot(hub, () => start(ana, { to: '+49 (171) 555-0001' }), { api })
  expect(begun).toMatchObject({
    status: 201,
    body: {
      data: {
        contact: { name: '+491715550001', identities: [{ kind: 'phone', value: '491715550001' }] },
        assignee: { id: ana.actor.id },
        lastMessage: { type: 'template', status: 'queued', seq: 1 },
        window: { open: false },
      },
    },
  })
})

test('[CON16] racing starts to one number share one contact and one conversation', async () => {
  const all = await Promise.all([1, 2, 3, 4].map(() => start(ana, { to: '491715550002' })))
  expect(all.map(({ status }) => status)).toEqual([201, 201, 201, 201])
  expect(new Set(all.map(({ body }) => body.data.id)).size).toBe(1)
  expect(new Set(all.map(({ body }) => body.data.contact.id)).size).toBe(1)
})

test('[CON16] the same key sends nothing again', async () => {
  const first = await start(ana, { to: '491715550003', clientMessageId: 'start-3' })
  const again = await start(ana, { to: '491715550003', clientMessageId: 'start-3' })
  expect([first.status, again.status]).toEqual([201, 200])
  expect(again.body.data.lastSeq).toBe(1)
})

test('[CON16] a live conversation of a colleague is named, a resolved one is left alone', async () => {
  const first = await start(ben, { to: '491715550004' })
  expect(await start(ana, { to: '491715550004' })).toMatchObject({
    status: 409,
    body: { code: 'already_claimed', details: { owner: { id: ben.actor.id, name: 'Ben' } } },
  })
  const { id } = first.body.data
  await setConversationStatus(hub.deps, ben.actor, { conversationId: id, status: 'resolved' })
  const second = await start(ana, { to: '491715550004' })
  expect(second).toMatchObject({ status: 201, body: { data: { assignee: { id: ana.actor.id } } } })
  expect(second.body.data.id).not.toBe(id)
})

test('[CON16] what cannot be sent for certain leaves nothing behind', async () => {
  const viewer = await hub.signIn('viewer')
  const before = await readHead(hub.deps, hub.tenant.id)
  const to = '491715550005'
  const code = async (who: SignedIn, body: object) => {
    const answer = await start(who, { to, ...body })
    return [answer.status, answer.body.code, answer.body.errors?.[0]?.pointer]
  }
  expect(await code(ana, { template: { name: 'draft', language: 'en_US' } })).toEqual([
    422,
    'template_not_approved',
    undefined,
  ])
  expect(await code(ana, { template: { name: 'unknown', language: 'en_US' } })).toEqual([
    422,
    'template_not_approved',
    undefined,
  ])
  expect(await code(ana, { channelId: uuidv7() })).toEqual([400, 'validation_failed', '/channelId'])
  for (const wrong of ['123456', '1234567890123456', 'abc', '0171555'])
    expect(await code(ana, { to: wrong })).toEqual([400, 'validation_failed', '/to'])
  expect(await code(viewer, {})).toEqual([403, 'forbidden', undefined])
  expect(await readHead(hub.deps, hub.tenant.id)).toEqual(before)
})

test('[CON16] [RGT14] a number that is down and a recipient who is blocked are refused with nothing left behind, so nobody learns who it is', async () => {
  const owner = (text: string, values: unknown[]) =>
    inTenant(hub.deps, hub.tenant.id, (tx) => tx.query(text, [tx.tenantId, ...values]))
  const closed = await buildChannel(hub)
  const phone = '491715550006'
  await start(ben, { to: phone, channelId })
  await owner(
    `update conversations set channel_id = $2 where tenant_id = $1 and contact_id in
    (select contact_id from contact_identities where tenant_id = $1 and value = $3)`,
    [closed, phone],
  )
  await owner(`update channels set members_only = true where tenant_id = $1 and id = $2`, [closed])
  const [contact] = (await owner(
    'select contact_id as id from contact_identities where tenant_id = $1 and value = $2',
    [phone],
  )) as [{ id: number }]
  const seen = async () => (await api.call(ana.token, 'GET', `/admin/contacts/${contact.id}`)).status
  const before = await readHead(hub.deps, hub.tenant.id)
  await owner(`update channels set status = 'disconnected' where tenant_id = $1 and id = $2`, [channelId])
  expect(await start(ana, { to: phone })).toMatchObject({ status: 409, body: { code: 'channel_down' } })
  await owner(`update channels set status = 'connected' where tenant_id = $1 and id = $2`, [channelId])
  await owner('update contacts set blocked = true where tenant_id = $1 and id = $2', [contact.id])
  expect(await start(ana, { to: phone })).toMatchObject({ body: { code: 'contact_blocked' } })
  expect(await readHead(hub.deps, hub.tenant.id)).toEqual(before)
  expect(await seen()).toBe(404)
})
