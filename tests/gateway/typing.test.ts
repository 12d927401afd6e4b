import { expect, test } from 'vitest'
import { CustomerTyping, toldEveryMs } from '../../gateway/customer-typing.ts'
import type { SessionActor } from '../../gateway/session.ts'
import { tellRead } from '../../src/domain/messages/tell-read.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import type { Jobs } from '../../src/platform/jobs.ts'
import { startWorkers } from '../../workers/server.ts'
import { eventually } from '../harness/eventually.ts'
import { connectNumber } from '../harness/number.ts'
import { startGatewayHub } from './setup.ts'

/** A customer who wrote and was read, and what their network is told. */
async function begin(hours = 1) {
  const hub = await startGatewayHub()
  const number = await connectNumber(hub)
  const conversation = await number.conversation({ hoursAgo: hours })
  const told: unknown[] = []
  number.server.always({
    method: 'POST',
    path: '/reads',
    answer: (request) => {
      told.push(request.json)
      return { status: 200, json: {} }
    },
  })
  const change = (sql: string, ...values: unknown[]) =>
    inTenant(hub.deps, hub.tenant.id, (tx) => tx.query(sql, [hub.tenant.id, conversation.id, ...values]))
  await change(
    `insert into messages (tenant_id, id, conversation_id, channel_id, seq, direction, author_kind, type, text, status, provider_message_id, sent_at)
     values ($1, $3, $2, $4, 1, 'in', 'contact', 'text', 'hi', 'received', 'in-1', now())`,
    uuidv7(),
    number.channelId,
  )
  await change('update conversations set last_seq = 1, read_seq = 1 where tenant_id = $1 and id = $2')
  const writing = { tenantId: hub.tenant.id, conversationId: conversation.id, typing: true }
  return { hub, conversation, told, change, writing }
}

test('[GW16] [GW17] a customer sees that one of us writes, once for many signs of many colleagues, and none of who only reads', async () => {
  const { hub, conversation, told } = await begin()
  await using _ = hub
  const workers = startWorkers(hub.deps)
  hub.onClose(() => workers.close())
  await eventually(() => expect(hub.deps.redis.status).toBe('ready'))
  const ana = hub.connect({ token: hub.token('agent', { sub: 'ana' }) })
  const ben = hub.connect({ token: hub.token('agent', { sub: 'ben' }) })
  const viewer = hub.connect({ token: hub.token('viewer', { sub: 'vic' }) })
  for (const one of [ana, ben, viewer]) await one.next('caught-up')
  const say = (one: typeof ana, typing: boolean) =>
    one.send('typing', { conversationId: conversation.id, typing })
  // Who only reads does not write, wherever they look.
  await viewer.send('conversation.view', { conversationId: conversation.id })
  for (const typing of [true, false])
    expect(await say(viewer, typing)).toMatchObject({ ok: false, error: { code: 'forbidden' } })
  for (const one of [ana, ben, ana]) {
    expect(await say(one, true)).toMatchObject({ ok: true })
    expect(await say(one, false)).toMatchObject({ ok: true })
  }
  const shown = expect.objectContaining({ messageId: 'in-1', typing: true })
  await eventually(() => expect(told).toContainEqual(shown))
  // What was asked for afterwards is done, and nothing else came of what was asked for before.
  hub.deps.jobs.nudge('mark-read', { tenantId: hub.tenant.id, conversationId: conversation.id })
  await eventually(() => expect(told).toContainEqual(expect.objectContaining({ typing: false })))
  expect(told).toHaveLength(2)
})

test('[GW17] a customer is told again after 20 s and not before, and for nobody who may not answer', async () => {
  const { hub, conversation } = await begin()
  await using _ = hub
  const nudged: unknown[] = []
  const jobs: Jobs = { nudge: (name, data) => void nudged.push([name, data]), close: () => Promise.resolve() }
  const typing = new CustomerTyping({ ...hub.deps, jobs })
  const as = async (role: 'agent' | 'viewer', sub: string) => {
    const { actor } = await hub.signIn(role, { sub })
    return { actor: actor as SessionActor, tenant: hub.tenant }
  }
  const [ana, vic] = [await as('agent', 'ana'), await as('viewer', 'vic')]
  const { id } = conversation
  await typing.tell(vic, id, 0)
  await typing.tell(ana, uuidv7(), 0)
  expect(nudged).toEqual([])
  await Promise.all([typing.tell(ana, id, 0), typing.tell(ana, id, 0)])
  await typing.tell(ana, id, toldEveryMs - 1)
  typing.sweep(toldEveryMs - 1)
  await typing.tell(ana, id, toldEveryMs - 1)
  expect(nudged).toEqual([['mark-read', { tenantId: hub.tenant.id, conversationId: id, typing: true }]])
  await typing.tell(ana, id, toldEveryMs)
  expect(nudged).toHaveLength(2)
})

test('[GW17] nobody is told that an answer comes which could not be sent', async () => {
  const { hub, told, change, writing } = await begin(25)
  await using _ = hub
  const tell = () => tellRead(hub.deps, writing)
  await tell()
  expect(told).toEqual([])
  const open = `update conversations set window_expires_at = now() + interval '1 hour' where tenant_id = $1 and id = $2`
  await change(open)
  await change(
    'update contacts set blocked = true where tenant_id = $1 and id = (select contact_id from conversations where id = $2)',
  )
  await tell()
  expect(told).toEqual([])
  await change(
    'update contacts set blocked = false where tenant_id = $1 and id = (select contact_id from conversations where id = $2)',
  )
  await change(
    `update channels set status = 'disconnected' where tenant_id = $1 and id = (select channel_id from conversations where id = $2)`,
  )
  await tell()
  expect(told).toEqual([])
  await change(
    `update channels set status = 'connected' where tenant_id = $1 and id = (select channel_id from conversations where id = $2)`,
  )
  await tell()
  expect(told).toEqual([expect.objectContaining({ messageId: 'in-1', typing: true })])
})
