import { afterEach, describe, expect, test } from 'vitest'
import { applyUpdates } from '../../src/domain/messages/apply-updates.ts'
import { abandonAttempts } from '../../src/domain/messages/resolve-unknown.ts'
import { readTenant } from '../../src/log/read-tenant.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import type { ProviderError } from '../../src/providers/inbound.ts'
import type { Hub } from '../harness/hub.ts'
import { connectNumber } from '../harness/number.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import {
  at,
  choicesOf,
  edit,
  networkId,
  ordersOf,
  person,
  reaction,
  revoke,
  startUpdateHub,
  status,
  type UpdateHub,
} from './update-hub.ts'

let here: UpdateHub
afterEach(() => here[Symbol.asyncDispose]())
const start = async () => {
  here = await startUpdateHub()
  return here
}

const undeliverable: ProviderError = {
  code: '131026',
  title: 'Message undeliverable',
  detail: 'the number is not on WhatsApp',
  retryable: false,
}
const lost = {
  kind: 'unknown',
  error: { code: 'no_answer', title: 'No answer', detail: '', retryable: false },
} as const

describe('[OUT4] [UPD1] what a network says of a message of ours', () => {
  test('is stored and announced with the time that the network tells', async () => {
    const { outbound, apply, find, eventsOf } = await start()
    const [message] = await outbound('sent')
    const { id = '', net = '' } = message ?? {}
    const pricing = { billable: true, category: 'utility', pricing_model: 'PMP' }
    await apply([
      status(net, 'delivered', { at: at(1), pricing }),
      status(net, 'read', { at: at(2) }),
      status(net, 'played', { at: at(3) }),
    ])
    expect(await find(id)).toMatchObject({ status: 'played', pricing, error: null })
    expect(await eventsOf(id)).toMatchObject([
      { type: 'message.delivered', actor: { kind: 'provider' }, data: { at: at(1).toISOString() } },
      { type: 'message.read', data: { status: 'read', at: at(2).toISOString() } },
      { type: 'message.read', data: { status: 'played', at: at(3).toISOString() } },
    ])
  })

  test('is a failure with its reason, also when none was given', async () => {
    const { outbound, apply, find, eventsOf } = await start()
    const [one, other] = await outbound('sent', 2)
    await apply([
      status(one?.net ?? '', 'failed', { error: undeliverable }),
      status(other?.net ?? '', 'failed'),
    ])
    expect(await find(one?.id ?? '')).toMatchObject({ status: 'failed', error: undeliverable })
    expect(await find(other?.id ?? '')).toMatchObject({ status: 'failed', error: { code: 'unknown' } })
    expect(await eventsOf(one?.id ?? '')).toMatchObject([
      { type: 'message.failed', data: { error: undeliverable } },
    ])
  })

  test.each(['queued', 'sent', 'unknown'] as const)(
    'has the same end in every order, for a message that was %s',
    async (before) => {
      const { outbound, apply, rows } = await start()
      const sets = choicesOf(['sent', 'delivered', 'read', 'failed'] as const)
      const orders = sets.flatMap((set) => ordersOf(set).map((order) => ({ set: set.join('+'), order })))
      expect(orders).toHaveLength(64)
      const messages = await outbound(before, orders.length * 2)
      const updates = (message: { id: string; net: string }, order: (typeof orders)[number]['order']) =>
        order.map((name) => status(message.net, name, { ourMessageId: message.id }))
      // Half of them as one batch, the other half status by status.
      await apply(
        orders.flatMap(({ order }, place) => updates(messages[place] as (typeof messages)[number], order)),
      )
      for (let step = 0; step < 4; step++)
        await apply(
          orders.flatMap(({ order }, place) =>
            updates(messages[orders.length + place] as (typeof messages)[number], order).slice(
              step,
              step + 1,
            ),
          ),
        )
      const stored = new Map(
        (
          await rows<{ id: string; status: string; error: unknown; provider_message_id: string }>(
            'select id, status, error, provider_message_id from messages where tenant_id = $1',
          )
        ).map((row) => [row.id, row]),
      )
      const highest = (set: string) =>
        ['read', 'delivered', 'failed', 'sent'].find((name) => set.includes(name)) as string
      for (const [place, message] of messages.entries()) {
        const { set, order } = orders[place % orders.length] as (typeof orders)[number]
        const row = stored.get(message.id)
        expect(row?.status, order.join(', ')).toBe(highest(set))
        expect(row?.error === null, order.join(', ')).toBe(highest(set) !== 'failed')
        expect(row?.provider_message_id).toBe(message.net)
      }
    },
  )

  test('twice changes nothing and is no event', async () => {
    const { outbound, apply, everything } = await start()
    const [message] = await outbound('unknown')
    const { id = '', net = '' } = message ?? {}
    const said = [
      status(net, 'delivered', { ourMessageId: id, pricing: { billable: false } }),
      status(net, 'failed', { ourMessageId: id, error: undeliverable }),
      status('net-of-another-tool', 'sent'),
    ]
    await apply(said)
    const once = await everything()
    await apply(said)
    await apply(said.toReversed())
    expect(await everything()).toEqual(once)
  })

  test('of a message that customers wrote means nothing', async () => {
    const { says, ingest, apply, everything } = await start()
    const message = says('hello', 0)
    await ingest([message])
    const before = await everything()
    await apply([status(message.providerMessageId, 'read')])
    expect(await everything()).toEqual(before)
  })

  test('about one participant of a group proves that the message went out, and no more', async () => {
    const { outbound, apply, find } = await start()
    const [unclear, sent] = await outbound('unknown', 2)
    const [done] = await outbound('sent')
    const participant = person('491701111111')
    await apply([
      status(unclear?.net ?? '', 'read', { ourMessageId: unclear?.id ?? '', participant }),
      status(sent?.net ?? '', 'failed', { ourMessageId: sent?.id ?? '', participant, error: undeliverable }),
      status(done?.net ?? '', 'read', { participant }),
      status(done?.net ?? '', 'failed', { participant, error: undeliverable }),
      status(done?.net ?? '', 'delivered'),
    ])
    expect(await find(unclear?.id ?? '')).toMatchObject({ status: 'sent', provider_message_id: unclear?.net })
    expect(await find(sent?.id ?? '')).toMatchObject({ status: 'unknown', provider_message_id: null })
    expect(await find(done?.id ?? '')).toMatchObject({ status: 'delivered' })
  })

  test('teaches addresses of the recipient that nobody has', async () => {
    const { outbound, apply, rows, conversation, number, events } = await start()
    const other = await number.conversation()
    const [message] = await outbound('sent')
    const recipient = {
      identities: [
        { kind: 'wa_id', value: conversation.phone },
        { kind: 'bsuid', value: 'DE.1' },
        { kind: 'phone', value: other.phone },
        { kind: 'group', value: '1@g.us' },
      ],
    } as const
    const said = [status(message?.net ?? '', 'delivered', { recipient })]
    await apply(said)
    await apply(said)
    expect(
      await rows(
        'select kind, value from contact_identities where tenant_id = $1 and contact_id = $2 order by kind',
        [conversation.contactId],
      ),
    ).toEqual([
      { kind: 'bsuid', value: 'DE.1' },
      { kind: 'phone', value: conversation.phone },
    ])
    expect((await events()).filter(({ type }) => type === 'contact.updated')).toHaveLength(1)
  })
})

/** A message that another tenant sent, of which nobody knows whether it went out. */
async function buildForeignMessage({
  deps,
  ...hub
}: Hub): Promise<{ id: string; status(): Promise<string> }> {
  const tenantId = (await hub.addTenant()).id
  const theirs = await connectNumber({ deps, ...hub }, { tenant: tenantId })
  const conversation = await theirs.conversation()
  const id = uuidv7()
  await inTenant(deps, tenantId, (tx) =>
    tx.query(
      `insert into messages (tenant_id, id, conversation_id, channel_id, seq, direction, author_kind, type, status, sent_at)
       values ($1, $2, $3, $4, 1, 'out', 'api', 'text', 'unknown', now())`,
      [tenantId, id, conversation.id, theirs.channelId],
    ),
  )
  return {
    id,
    status: async () => {
      const [row] = await readTenant(deps, tenantId, (query) =>
        query<{ status: string }>('select status from messages where id = $1', [id]),
      )
      return row?.status ?? 'gone'
    },
  }
}

describe('[UPD2] a status that names our id', () => {
  test('settles what nobody knew, and gives it the id of the network', async () => {
    const { queue, claim, answer, apply, find, typesOf } = await start()
    const id = await queue('hello')
    const [send] = await claim()
    if (send) await answer(send, lost)
    expect(await find(id)).toMatchObject({ status: 'unknown', provider_message_id: null })
    await apply([status('net-1', 'sent', { ourMessageId: id })])
    expect(await find(id)).toMatchObject({ status: 'sent', provider_message_id: 'net-1', error: null })
    await apply([status('net-1', 'read')])
    expect(await typesOf(id)).toEqual(['message.queued', 'message.unknown', 'message.sent', 'message.read'])
  })

  test.each([
    ['accepted', { kind: 'accepted', providerMessageId: 'net-1' }],
    ['unknown', lost],
    ['to be tried again', { kind: 'later', afterMs: 1, scope: 'message', error: lost.error }],
  ] as const)('counts before the outcome of the send, which was %s', async (_, outcome) => {
    const { queue, claim, answer, apply, find, typesOf, rows } = await start()
    const id = await queue('hello')
    const [send] = await claim()
    await apply([status('net-1', 'delivered', { ourMessageId: id })])
    const early = await find(id)
    expect(early).toMatchObject({ status: 'delivered', provider_message_id: 'net-1' })
    if (send) expect(await answer(send, outcome)).toBe('recorded')
    expect(await find(id)).toEqual(early)
    expect(await typesOf(id)).toEqual(['message.queued', 'message.delivered'])
    expect(await rows(`select state from send_attempts where tenant_id = $1 and state = 'started'`)).toEqual(
      [],
    )
    expect(await claim()).toEqual([])
  })

  test('of a failure is not undone by an answer that comes later', async () => {
    const { queue, claim, answer, apply, find } = await start()
    const id = await queue('hello')
    const [send] = await claim()
    await apply([status('net-1', 'failed', { ourMessageId: id, error: undeliverable })])
    if (send) await answer(send, { kind: 'accepted', providerMessageId: 'net-1' })
    expect(await find(id)).toMatchObject({
      status: 'failed',
      error: undeliverable,
      provider_message_id: 'net-1',
    })
  })

  test('counts although the worker that sent it is lost', async () => {
    const { hub, queue, claim, apply, find, change } = await start()
    const id = await queue('hello')
    const [send] = await claim()
    await apply([status('net-1', 'sent', { ourMessageId: id })])
    await change(`update send_attempts set lease_until = now() - interval '1 second' where tenant_id = $1`)
    await abandonAttempts(hub.deps, hub.tenant.id, [send?.attemptId ?? ''])
    expect(await find(id)).toMatchObject({ status: 'sent', provider_message_id: 'net-1' })
  })

  test('lets the next message of the conversation go on', async () => {
    const { queue, claim, answer } = await start()
    const first = await queue('one')
    const second = await queue('two')
    const [send] = await claim()
    if (send) await answer(send, { kind: 'later', afterMs: 60_000, scope: 'message', error: lost.error })
    expect(await claim()).toEqual([])
    const nudges = await inTenant(here.hub.deps, here.hub.tenant.id, async (tx) => {
      await applyUpdates(
        tx,
        here.channelId,
        [status('net-1', 'sent', { ourMessageId: first })],
        here.hub.config,
      )
      return [...tx.nudges.values()]
    })
    expect(nudges).toEqual([
      { name: 'deliver-outbound', data: { tenantId: here.hub.tenant.id, channelId: here.channelId } },
    ])
    expect((await claim()).map(({ message }) => message.id)).toEqual([second])
  })

  test('is believed for messages that we sent through this number only', async () => {
    const { hub, outbound, apply, says, ingest, idOf, everything, rows } = await start()
    const [ours] = await outbound('unknown')
    const [elsewhere] = await outbound('sent')
    const inbound = says('hello', 0)
    await ingest([inbound])
    const foreign = await buildForeignMessage(hub)
    const before = await everything()
    const { id: otherChannel } = await hub.addChannel({
      provider: 'fake',
      settings: {},
      secrets: {},
      externalId: '1',
    })
    await apply([status('net-a', 'delivered', { ourMessageId: ours?.id ?? '' })], { channelId: otherChannel })
    await apply([
      status('net-b', 'delivered', { ourMessageId: 'no id at all' }),
      status('net-c', 'delivered', { ourMessageId: foreign.id }),
      status('net-d', 'delivered', { ourMessageId: await idOf(inbound.providerMessageId) }),
      status('net-e', 'failed', { ourMessageId: elsewhere?.id ?? '' }),
    ])
    const after = await everything()
    expect({ ...after, parked: [] }).toEqual(before)
    expect(await foreign.status()).toBe('unknown')
    expect(
      await rows('select provider_message_id as net from parked_updates where tenant_id = $1 order by 1'),
    ).toEqual(['net-a', 'net-b', 'net-c', 'net-d', 'net-e'].map((net) => ({ net })))
  })

  test('gives one id of the network to one message only', async () => {
    const { outbound, apply, find } = await start()
    const [one, other] = await outbound('unknown', 2)
    await apply([
      status('net-1', 'sent', { ourMessageId: one?.id ?? '' }),
      status('net-1', 'delivered', { ourMessageId: other?.id ?? '' }),
      status('net-2', 'read', { ourMessageId: one?.id ?? '' }),
    ])
    expect(await find(one?.id ?? '')).toMatchObject({ status: 'delivered', provider_message_id: 'net-1' })
    expect(await find(other?.id ?? '')).toMatchObject({ status: 'unknown', provider_message_id: null })
  })

  test('shows a reaction of ours whose outcome nobody knew, once', async () => {
    const { queue, claim, answer, apply, says, ingest, idOf, find, typesOf } = await start()
    const target = says('do you like it?', 0)
    await ingest([target])
    const targetId = await idOf(target.providerMessageId)
    const id = await queue('', { type: 'reaction', reaction: { messageId: targetId, emoji: '👍' } })
    const [send] = await claim()
    await apply([status('net-1', 'sent', { ourMessageId: id })])
    expect((await find(targetId)).reactions).toMatchObject([
      { emoji: '👍', by: { kind: 'agent', name: 'Ana' } },
    ])
    if (send) await answer(send, { kind: 'accepted', providerMessageId: 'net-1' })
    expect((await typesOf(targetId)).filter((type) => type === 'message.reacted')).toHaveLength(1)
  })
})

test('[UPD1] a batch costs the same statements however large it is', async () => {
  const { hub, outbound, says, ingest, customer } = await start()
  const cost = async (count: number): Promise<number> => {
    const ours = await outbound('sent', count)
    const theirs = Array.from({ length: count }, (_, place) => says(`said ${place}`, 0))
    await ingest(theirs)
    return inTenant(hub.deps, hub.tenant.id, async (tx) => {
      let statements = 0
      const query = tx.query.bind(tx)
      tx.query = (text, values) => {
        statements += 1
        return query(text, values)
      }
      await applyUpdates(
        tx,
        here.channelId,
        [
          ...ours.map(({ net }) => status(net, 'read', { recipient: customer })),
          ...theirs.flatMap(({ providerMessageId: net }) => [
            reaction(net, '👍', 1),
            edit(net, 'edited', 2, { chat: customer }),
            revoke(net, 3, { chat: customer }),
          ]),
          ...theirs.map(() => status(networkId(), 'sent')),
        ],
        hub.config,
      )
      return statements
    })
  }
  const few = await cost(2)
  expect(await cost(150)).toBe(few)
})

test('[SYN2] an older snapshot and the events of statuses are a fresh snapshot', async () => {
  const { hub, outbound, apply, queue, claim, find } = await start()
  const sent = await outbound('sent', 3)
  const unclear = await outbound('unknown', 2)
  const queued = await queue('last')
  await claim()
  await expectReplayEqualsSnapshot(hub, () =>
    apply([
      status(sent[0]?.net ?? '', 'delivered'),
      status(sent[1]?.net ?? '', 'failed', { error: undeliverable }),
      status(sent[2]?.net ?? '', 'failed', { error: undeliverable }),
      status(sent[2]?.net ?? '', 'played'),
      status(unclear[0]?.net ?? '', 'sent', { ourMessageId: unclear[0]?.id ?? '' }),
      status(unclear[1]?.net ?? '', 'failed', { ourMessageId: unclear[1]?.id ?? '' }),
      status(networkId(), 'read', { ourMessageId: queued }),
    ]),
  )
  expect(await find(queued)).toMatchObject({ status: 'read' })
})
