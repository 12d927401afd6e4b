import { afterEach, describe, expect, test } from 'vitest'
import { longestEmoji, mostInOneSecond, mostReactions } from '../../src/domain/messages/place-reaction.ts'
import type { Person } from '../../src/providers/inbound.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import { at, ordersOf, person, reaction, revoke, startUpdateHub, type UpdateHub } from './update-hub.ts'

let here: UpdateHub
afterEach(() => here[Symbol.asyncDispose]())

/** The customer asked something. */
async function start() {
  here = await startUpdateHub()
  const asked = here.says('do you like it?', 0)
  await here.ingest([asked])
  const id = await here.idOf(asked.providerMessageId)
  return { ...here, net: asked.providerMessageId, id, shown: () => shown(id) }
}

/** What people see, as emoji and whose. */
async function shown(id: string): Promise<string[]> {
  const { reactions } = await here.find(id)
  return reactions
    .filter(({ emoji }) => emoji !== '')
    .map(({ emoji, by }) => `${emoji} ${by.kind} ${by.name ?? by.id ?? ''}`.trim())
}

/** A group that the number is in, and a message in it. */
async function startInGroup() {
  here = await startUpdateHub()
  const group: Person = { identities: [{ kind: 'group', value: '120363@g.us' }] }
  const asked = here.says('lunch?', 0, { chat: group, sender: person('491711111111', 'Bob') })
  await here.ingest([asked])
  const id = await here.idOf(asked.providerMessageId)
  const from = (sender: Person, emoji: string | null, seconds: number) =>
    reaction(asked.providerMessageId, emoji, seconds, { chat: group, sender })
  return { ...here, net: asked.providerMessageId, id, shown: () => shown(id), from }
}

describe('[UPD4] reactions of customers', () => {
  test('are shown with whose they are, and announced with the whole message', async () => {
    const { apply, net, id, conversation, eventsOf } = await start()
    await apply([reaction(net, '👍', 5)])
    expect((await eventsOf(id)).at(-1)).toMatchObject({
      type: 'message.reacted',
      actor: { kind: 'provider' },
      data: {
        message: {
          id,
          text: 'do you like it?',
          reactions: [
            {
              emoji: '👍',
              by: { kind: 'contact', id: String(conversation.contactId), name: 'Cora' },
              at: at(5).toISOString(),
            },
          ],
        },
      },
    })
  })

  test('are one per person, the newest, in whatever order they come', async () => {
    const { ingest, apply, says, idOf } = await start()
    const steps = [
      ['👍', 1],
      ['😮', 2],
      [null, 3],
      ['❤️', 4],
    ] as const
    for (const end of [4, 3]) {
      for (const order of ordersOf(steps.slice(0, end))) {
        const message = says('again?', 10)
        await ingest([message])
        const id = await idOf(message.providerMessageId)
        for (const [emoji, seconds] of order)
          await apply([reaction(message.providerMessageId, emoji, seconds)])
        expect(await shown(id), JSON.stringify(order)).toEqual(end === 4 ? ['❤️ contact Cora'] : [])
      }
    }
  })

  test('that come twice, or that an older one repeats, are no event', async () => {
    const { apply, net, everything } = await start()
    const said = [
      reaction(net, '👍', 1),
      reaction(net, '😮', 2),
      reaction(net, null, 3),
      reaction(net, '🎉', 9),
    ]
    await apply(said)
    const once = await everything()
    await apply(said)
    await apply(said.toReversed())
    expect(await everything()).toEqual(once)
  })

  test('that are taken back before they came are never shown', async () => {
    const { apply, net, typesOf, id, shown } = await start()
    await apply([reaction(net, null, 2)])
    await apply([reaction(net, '👍', 1)])
    expect(await shown()).toEqual([])
    expect(await typesOf(id)).toEqual(['message.received'])
  })

  test('of one second count in the order they came, and only once', async () => {
    const { apply, net, shown, everything } = await start()
    const said = [reaction(net, '👍', 1), reaction(net, '😮', 1), reaction(net, '🎉', 1)]
    await apply(said)
    expect(await shown()).toEqual(['🎉 contact Cora'])
    const once = await everything()
    for (const one of said) await apply([one])
    expect(await everything()).toEqual(once)
  })

  test(`are told apart ${mostInOneSecond} times in a second`, async () => {
    const { apply, net, shown } = await start()
    const many = Array.from({ length: mostInOneSecond + 1 }, (_, place) => reaction(net, `r${place + 1}`, 1))
    await apply(many)
    expect(await shown()).toEqual([`r${mostInOneSecond} contact Cora`])
    await apply([reaction(net, 'next', 2)])
    expect(await shown()).toEqual(['next contact Cora'])
  })

  test(`have at most ${longestEmoji} characters`, async () => {
    const { apply, net, shown } = await start()
    await apply([reaction(net, 'x'.repeat(longestEmoji), 1), reaction(net, 'x'.repeat(longestEmoji + 1), 2)])
    expect(await shown()).toEqual([`${'x'.repeat(longestEmoji)} contact Cora`])
  })

  test('are kept of our messages, too, and of none that was deleted', async () => {
    const { apply, outbound, shown, net, everything } = await start()
    const [ours] = await outbound('sent')
    await apply([reaction(ours?.net ?? '', '👍', 1)])
    expect(await shownOf(ours?.id)).toEqual(['👍 contact Cora'])
    await apply([reaction(net, '👍', 1), revoke(net, 2)])
    expect(await shown()).toEqual([])
    const deleted = await everything()
    await apply([reaction(net, '🎉', 3)])
    expect(await everything()).toEqual(deleted)
  })

  test('keep their place beside ours and the phone has one with us', async () => {
    const { apply, net, shown } = await start()
    await apply([reaction(net, '👍', 1), reaction(net, '🙏', 2, { direction: 'out' })])
    expect(await shown()).toEqual(['👍 contact Cora', '🙏 phone'])
    await apply([reaction(net, '🎉', 3, { direction: 'out' }), reaction(net, null, 4)])
    expect(await shown()).toEqual(['🎉 phone'])
    await apply([reaction(net, null, 5, { direction: 'out' })])
    expect(await shown()).toEqual([])
  })
})

const shownOf = (id = '') => shown(id)

describe('[UPD4] reactions in a group', () => {
  test('are one per participant, whom we know as a contact or not', async () => {
    const { number, apply, from, shown } = await startInGroup()
    const known = await number.conversation({ phone: '491722222222' })
    await apply([
      from(person('491722222222', 'Cory'), '👍', 1),
      from(person('491733333333', 'Dan'), '👍', 1),
      from({ identities: [{ kind: 'lid', value: '77' }], name: 'Eve' }, '👍', 1),
    ])
    expect(await shown()).toEqual(['👍 contact Cora', '👍 contact Dan', '👍 contact Eve'])
    expect(known.contactId).toBeGreaterThan(0)
    const danByBoth: Person = {
      identities: [
        { kind: 'lid', value: '99' },
        { kind: 'wa_id', value: '491733333333' },
      ],
    }
    await apply([from(danByBoth, '🎉', 2)])
    expect(await shown()).toEqual(['👍 contact Cora', '👍 contact Eve', '🎉 contact'])
  })

  test('of somebody who became a contact meanwhile are still one', async () => {
    const { number, apply, from, shown } = await startInGroup()
    await apply([from(person('491733333333', 'Dan'), '👍', 1)])
    await number.conversation({ phone: '491733333333' })
    await apply([from(person('491733333333', 'Dan'), '🎉', 2)])
    expect(await shown()).toEqual(['🎉 contact Cora'])
  })

  test(`are kept of ${mostReactions} people, and those can still change theirs`, async () => {
    const { apply, from, shown } = await startInGroup()
    const someone = (place: number) => person(String(4_917_000_000_000 + place))
    await apply(
      Array.from({ length: mostReactions }, (_, place) => from(someone(place), '👍', 1)).slice(0, 500),
    )
    await apply(Array.from({ length: mostReactions }, (_, place) => from(someone(place), '👍', 1)).slice(500))
    expect(await shown()).toHaveLength(mostReactions)
    await apply([from(someone(mostReactions), '👎', 2), from(someone(0), '🎉', 2)])
    const all = await shown()
    expect(all).toHaveLength(mostReactions)
    expect(all.filter((one) => !one.startsWith('👍'))).toEqual(['🎉 contact'])
  }, 60_000)
})

describe('[UPD4] a reaction of ours', () => {
  async function react() {
    const begun = await start()
    await begun.queue('', { type: 'reaction', reaction: { messageId: begun.id, emoji: '👍' } })
    const [send] = await begun.claim()
    if (!send) throw new Error('nothing was due')
    const taken = () => begun.answer(send, { kind: 'accepted', providerMessageId: 'net-ours' })
    const echo = reaction(begun.net, '👍', 5, { direction: 'out', providerMessageId: 'net-ours' })
    return { ...begun, taken, echo }
  }

  test('is not doubled by its echo, and keeps its author', async () => {
    const { taken, echo, apply, shown, everything } = await react()
    await taken()
    expect(await shown()).toEqual(['👍 agent Ana'])
    const once = await everything()
    await apply([{ ...echo, at: new Date(Date.now() + 60_000) }])
    await apply([echo])
    expect(await everything()).toEqual(once)
  })

  test('gets its author when the echo was faster than the answer', async () => {
    const { taken, echo, apply, shown, typesOf, id } = await react()
    await apply([echo])
    expect(await shown()).toEqual(['👍 phone'])
    await taken()
    expect(await shown()).toEqual(['👍 agent Ana'])
    await apply([echo])
    expect((await typesOf(id)).filter((type) => type === 'message.reacted')).toHaveLength(2)
  })

  test('is not put back by an older one of the phone', async () => {
    const { taken, apply, net, shown } = await react()
    await taken()
    await apply([reaction(net, '😡', 1, { direction: 'out' })])
    expect(await shown()).toEqual(['👍 agent Ana'])
  })

  test('is taken back by an empty one, and stays so', async () => {
    const { taken, echo, apply, queue, claim, answer, id, shown } = await react()
    await taken()
    await queue('', { type: 'reaction', reaction: { messageId: id, emoji: '' } })
    const [send] = await claim()
    if (send) await answer(send, { kind: 'accepted', providerMessageId: 'net-back' })
    expect(await shown()).toEqual([])
    await apply([echo])
    expect(await shown()).toEqual([])
  })
})

test('[SYN2] an older snapshot and the events of reactions are a fresh snapshot', async () => {
  const { hub, apply, net, outbound, shown } = await start()
  const [ours] = await outbound('sent')
  await expectReplayEqualsSnapshot(hub, () =>
    apply([
      reaction(net, '👍', 1),
      reaction(net, '🎉', 2),
      reaction(ours?.net ?? '', '👍', 1),
      reaction(ours?.net ?? '', null, 2),
      reaction(ours?.net ?? '', '🙏', 2, { direction: 'out' }),
    ]),
  )
  expect([...(await shown()), ...(await shownOf(ours?.id))]).toEqual(['🎉 contact Cora', '🙏 phone'])
})
