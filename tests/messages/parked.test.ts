import pg from 'pg'
import { afterEach, describe, expect, test } from 'vitest'
import { openDeps } from '../../src/deps.ts'
import { applyParked, applyUpdates, type MessageUpdate } from '../../src/domain/messages/apply-updates.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { maintenance } from '../../workers/maintenance.ts'
import { startSweep } from '../../workers/sweep.ts'
import { eventually } from '../harness/eventually.ts'
import { seededRandom, stormSeed } from '../harness/random.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import {
  at,
  edit,
  networkId,
  person,
  reaction,
  revoke,
  startUpdateHub,
  status,
  type UpdateHub,
} from './update-hub.ts'

let here: UpdateHub
afterEach(() => here[Symbol.asyncDispose]())
const start = async (more: Record<string, string> = {}) => {
  here = await startUpdateHub(more)
  return here
}

describe('[UPD3] news that is faster than its message', () => {
  test('waits for the answer to the send', async () => {
    const { queue, claim, answer, apply, find, typesOf, parked } = await start()
    const id = await queue('hello')
    const [send] = await claim()
    await apply([status('net-1', 'sent'), status('net-1', 'delivered'), reaction('net-1', '👍', 5)])
    expect(await find(id)).toMatchObject({ status: 'queued' })
    expect(await parked()).toHaveLength(3)
    if (send) await answer(send, { kind: 'accepted', providerMessageId: 'net-1' })
    expect(await find(id)).toMatchObject({ status: 'delivered', reactions: [{ emoji: '👍' }] })
    expect(await parked()).toEqual([])
    expect(await typesOf(id)).toEqual([
      'message.queued',
      'message.sent',
      'message.delivered',
      'message.reacted',
    ])
  })

  test('settles a send of which only the id is known', async () => {
    const { queue, claim, answer, apply, find } = await start()
    const id = await queue('hello')
    const [send] = await claim()
    await apply([status('net-1', 'failed')])
    const error = { code: 'no_answer', title: 'No answer', detail: '', retryable: false }
    if (send) await answer(send, { kind: 'unknown', error, providerMessageId: 'net-1' })
    expect(await find(id)).toMatchObject({ status: 'failed' })
  })

  test('waits for a status that names our id', async () => {
    const { outbound, apply, find, parked } = await start()
    const [message] = await outbound('unknown')
    await apply([reaction('net-1', '👍', 5)])
    await apply([reaction('net-1', '🎉', 6), status('net-1', 'sent', { ourMessageId: message?.id ?? '' })])
    expect(await find(message?.id ?? '')).toMatchObject({ status: 'sent', reactions: [{ emoji: '🎉' }] })
    expect(await parked()).toEqual([])
  })

  test('waits for the message of the customer', async () => {
    const { says, ingest, apply, idOf, find, typesOf } = await start()
    const said = says('two ppl', 0)
    const net = said.providerMessageId
    await apply([edit(net, 'three people', 20)])
    await ingest([edit(net, 'two people', 10), reaction(net, '👍', 5, { direction: 'out' })])
    await ingest([said])
    const id = await idOf(net)
    expect(await find(id)).toMatchObject({ text: 'three people', reactions: [{ emoji: '👍' }] })
    expect(await typesOf(id)).toEqual(['message.received', 'message.reacted', 'message.edited'])
  })

  test('may be that it was deleted', async () => {
    const { says, ingest, idOf, find, typesOf, parked } = await start()
    const said = says('never mind', 0)
    await ingest([revoke(said.providerMessageId, 5)])
    await ingest([said])
    const id = await idOf(said.providerMessageId)
    expect(await find(id)).toMatchObject({ text: null, deleted_at: at(5).toISOString() })
    expect(await typesOf(id)).toEqual(['message.received', 'message.deleted'])
    expect(await parked()).toEqual([])
  })

  test('waits only in its own channel', async () => {
    const { hub, says, ingest, apply, idOf, find, parked } = await start()
    const { id: channelId } = await hub.addChannel({
      provider: 'fake',
      settings: {},
      secrets: {},
      externalId: '1',
    })
    const said = says('hello', 0)
    await apply([revoke(said.providerMessageId, 5)], { channelId })
    await ingest([said])
    expect(await find(await idOf(said.providerMessageId))).toMatchObject({ deleted_at: null })
    expect(await parked()).toHaveLength(1)
  })

  test('is not kept of participants, and kept once when it comes twice', async () => {
    const { apply, parked } = await start()
    const said = [
      status('net-1', 'sent'),
      status('net-1', 'read', { participant: person('491701111111') }),
      reaction('net-2', null, 5),
    ]
    await apply(said)
    await apply(said)
    expect((await parked()).map((row) => row.provider_message_id)).toEqual(['net-1', 'net-2'])
  })

  test('that nobody waits for any more is thrown away after PARKED_UPDATE_HOURS', async () => {
    const { hub, apply, change, parked } = await start({ PARKED_UPDATE_HOURS: '2' })
    await apply([status('net-old', 'sent')])
    await apply([status('net-new', 'sent')])
    await change(
      `update parked_updates set expires_at = expires_at - interval '2 hours' - interval '1 second'
       where tenant_id = $1 and provider_message_id = 'net-old'`,
    )
    await change(
      `update parked_updates set expires_at = expires_at - interval '2 hours' + interval '1 minute'
       where tenant_id = $1 and provider_message_id = 'net-new'`,
    )
    const sweep = startSweep(
      hub.deps,
      maintenance(hub.deps).filter(({ name }) => name === 'old-parked-updates'),
    )
    hub.onClose(() => sweep.close())
    await eventually(async () =>
      expect((await parked()).map((row) => row.provider_message_id)).toEqual(['net-new']),
    )
  })

  test('is bounded per message, the oldest goes', async () => {
    const { apply, parked } = await start({ PARKED_UPDATES_PER_MESSAGE: '3' })
    const flood = Array.from({ length: 3 }, (_, place) => reaction('net-1', `r${place}`, place))
    const shown = async () => (await parked()).map(({ item }) => ('emoji' in item ? item.emoji : item.kind))
    await apply([status('net-2', 'sent'), ...flood])
    expect(await shown()).toEqual(['status', 'r0', 'r1', 'r2'])
    await apply([reaction('net-1', 'r3', 3)])
    expect(await shown()).toEqual(['status', 'r1', 'r2', 'r3'])
  })

  test('is bounded per channel, the oldest goes', async () => {
    const { apply, parked } = await start({ PARKED_UPDATES_PER_CHANNEL: '5' })
    const shown = async () => (await parked()).map((row) => row.provider_message_id)
    await apply(Array.from({ length: 5 }, (_, place) => status(`net-${place}`, 'sent')))
    expect(await shown()).toEqual(['net-0', 'net-1', 'net-2', 'net-3', 'net-4'])
    await apply([status('net-5', 'sent'), status('net-6', 'sent')])
    expect(await shown()).toEqual(['net-2', 'net-3', 'net-4', 'net-5', 'net-6'])
  })
})

/** Settles when some transaction of this hub waits for a lock. */
async function waitingForLock(): Promise<void> {
  const client = new pg.Client({ connectionString: here.hub.config.DATABASE_URL })
  await client.connect()
  try {
    await eventually(async () => {
      const { rowCount } = await client.query(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      )
      if (rowCount === 0) throw new Error('nobody waits')
    }, 3000)
  } finally {
    await client.end()
  }
}

describe('[UPD3] news that meets its message in the same moment', () => {
  test('finds it, when the message is first', async () => {
    const { hub, outbound, apply, find, parked } = await start()
    const [message] = await outbound('unknown')
    const learnt = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    const learning = inTenant(hub.deps, hub.tenant.id, async (tx) => {
      await tx.query(
        `update messages set provider_message_id = 'net-1', status = 'sent' where tenant_id = $1 and id = $2`,
        [tx.tenantId, message?.id],
      )
      await applyParked(tx, here.channelId, ['net-1'])
      learnt.resolve()
      await goOn.promise
    })
    await learnt.promise
    const telling = apply([status('net-1', 'delivered')])
    await waitingForLock()
    goOn.resolve()
    await Promise.all([learning, telling])
    expect(await find(message?.id ?? '')).toMatchObject({ status: 'delivered' })
    expect(await parked()).toEqual([])
  })

  test('is found by it, when the news is first', async () => {
    const { hub, queue, claim, answer, find, parked } = await start()
    const id = await queue('hello')
    const [send] = await claim()
    if (!send) throw new Error('nothing was due')
    const told = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    const telling = inTenant(hub.deps, hub.tenant.id, async (tx) => {
      await applyUpdates(tx, here.channelId, [status('net-1', 'delivered')], hub.config)
      told.resolve()
      await goOn.promise
    })
    await told.promise
    const answering = answer(send, { kind: 'accepted', providerMessageId: 'net-1' })
    await waitingForLock()
    goOn.resolve()
    await Promise.all([telling, answering])
    expect(await find(id)).toMatchObject({ status: 'delivered', provider_message_id: 'net-1' })
    expect(await parked()).toEqual([])
  })

  test('has the same end through two processes, in any order and often', async () => {
    const { hub, queue, claim, answer, apply, rows, parked, events } = await start()
    const other = openDeps(hub.config, 'second')
    hub.onClose(() => other.close())
    const random = seededRandom(stormSeed('updates'))
    const conversations = await Promise.all(Array.from({ length: 6 }, () => here.number.conversation()))
    for (const { id: conversationId } of conversations)
      for (let place = 0; place < 5; place++) await queue(`hello ${place}`, { conversationId })
    const texts: string[] = []
    for (let sends = await claim(); sends.length > 0; sends = await claim()) {
      expect(sends).toHaveLength(6)
      const answers: { send: (typeof sends)[number]; net: string }[] = []
      const said = sends.flatMap((send): MessageUpdate[] => {
        const net = networkId()
        const { id } = send.message
        answers.push({ send, net })
        texts.push(`edited ${id}`)
        return [
          status(net, 'sent', { ourMessageId: id }),
          status(net, 'delivered'),
          status(net, 'read'),
          reaction(net, '👍', 1),
          reaction(net, '🎉', 2),
          edit(net, `edited ${id}`, 3),
        ]
      })
      // Each process hears everything, in an order and in batches of its own.
      const hear = async (deps: typeof other) => {
        const shuffled = said.toSorted(() => random() - 0.5)
        for (let from = 0; from < shuffled.length; from += 9)
          await apply(shuffled.slice(from, from + 9), { deps })
      }
      await Promise.all([
        ...answers.map(({ send, net }) => answer(send, { kind: 'accepted', providerMessageId: net })),
        hear(hub.deps),
        hear(other),
      ])
    }
    expect(texts).toHaveLength(30)
    const stored = await rows<{ id: string; status: string; text: string; reactions: { emoji: string }[] }>(
      'select id, status, text, reactions from messages where tenant_id = $1 order by id',
    )
    expect(stored.map(({ status: end }) => end)).toEqual(texts.map(() => 'read'))
    expect(stored.map(({ text }) => text).toSorted()).toEqual(texts.toSorted())
    for (const { reactions } of stored) expect(reactions).toMatchObject([{ emoji: '🎉' }])
    expect(await rows('select count(*)::integer as n from message_versions where tenant_id = $1')).toEqual([
      { n: 30 },
    ])
    expect(await parked()).toEqual([])
    const told = await events()
    // Each step at most once, whoever took it.
    for (const { id } of stored) {
      const steps = told
        .filter(({ data }) => 'messageId' in data && data.messageId === id)
        .map(({ data }): string => ('status' in data ? data.status : ''))
      expect(steps).toEqual(['sent', 'delivered', 'read'].filter((step) => steps.includes(step)))
    }
  }, 60_000)
})

test('[SYN2] an older snapshot and the events of what was parked are a fresh snapshot', async () => {
  const { hub, says, ingest, queue, claim, answer, apply, parked } = await start()
  const said = says('two ppl', 0)
  const gone = says('never mind', 1)
  await queue('hello')
  const [send] = await claim()
  await apply([
    status('net-1', 'read'),
    edit(said.providerMessageId, 'two people', 5),
    reaction(said.providerMessageId, '👍', 6),
    revoke(gone.providerMessageId, 7),
  ])
  await expectReplayEqualsSnapshot(hub, async () => {
    await ingest([said, gone])
    if (send) await answer(send, { kind: 'accepted', providerMessageId: 'net-1' })
  })
  expect(await parked()).toEqual([])
})
