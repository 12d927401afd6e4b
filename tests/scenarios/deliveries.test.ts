import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CloudSend } from '../harness/cloud-network.ts'
import type { Console } from '../harness/console.ts'
import { eventually } from '../harness/eventually.ts'
import { shown } from '../harness/replay.ts'
import { delivery, person, statusOf, wamid, written } from '../ingest/cloud-bodies.ts'
import { startSystem, type System } from './system.ts'

let system: System
let screen: Console
beforeAll(async () => {
  system = await startSystem({ workers: 2 })
  screen = system.open('admin')
  await screen.start()
}, 120_000)
afterAll(() => system[Symbol.asyncDispose]())

const onScreen = () => [...screen.state.messages.values()].flat()
const textsOnScreen = (words: string) =>
  onScreen().flatMap(({ text }) => (text?.includes(words) ? [text] : []))
const post = (body: string) => system.network.post(system.number, body)

/** All deliveries are ended, one way or the other; how many in each state. */
const inboxStates = () =>
  eventually(async () => {
    const rows = await system.asOwner<{ state: string; count: number }>(
      'select state, count(*)::integer as count from webhook_inbox group by state',
    )
    const states = Object.fromEntries(rows.map(({ state, count }) => [state, count]))
    expect(states['new']).toBeUndefined()
    return states
  }, 20_000)

/** A message of ours that the network took, in a conversation of its own. */
async function sendOne(): Promise<{ messageId: string; send: CloudSend & { id: string } }> {
  const text = `hello ${randomUUID()}`
  await system.network.deliver(system.number, delivery(system.number, [written(person(), text)]))
  const { conversationId } = await eventually(() => {
    const found = onScreen().find((message) => message.text === text)
    return found ?? Promise.reject(new Error('not on the screen yet'))
  })
  const input = { conversationId, clientMessageId: randomUUID(), type: 'text', text: 'our answer' }
  const ack = await screen.command<{ id: string }>('message.send', input)
  if (!ack?.ok) throw new Error(`not taken: ${JSON.stringify(ack)}`)
  const send = await eventually(() => {
    const found = system.network.sends.find(({ ref, id }) => ref === ack.data.id && id !== null)
    return found ? { ...found, id: found.id ?? '' } : Promise.reject(new Error('not sent yet'))
  })
  return { messageId: ack.data.id, send }
}

const statusEvents = async (messageId: string): Promise<string[]> => {
  const rows = await system.asOwner<{ type: string }>(
    `select type from events where payload->>'messageId' = $1 order by seq`,
    [messageId],
  )
  return rows.map(({ type }) => type.replace('message.', ''))
}

const orders = [
  ['sent', 'delivered', 'read'],
  ['sent', 'read', 'delivered'],
  ['delivered', 'sent', 'read'],
  ['delivered', 'read', 'sent'],
  ['read', 'sent', 'delivered'],
  ['read', 'delivered', 'sent'],
  ['read'],
  ['read', 'read', 'sent', 'read'],
]
const ladder = ['sent', 'delivered', 'read']

describe('[SYS8] over the whole path, deliveries', () => {
  test('[D1] ten times the same at once are one message on one screen and ten times 200', async () => {
    const text = `once ${randomUUID()}`
    const body = delivery(system.number, [written(person(), text)])
    expect(await Promise.all(Array.from({ length: 10 }, () => post(body)))).toEqual(Array(10).fill(200))
    await eventually(() => expect(textsOnScreen(text)).toEqual([text]))
    expect(await post(body)).toBe(200)
    await inboxStates()
    expect(textsOnScreen(text)).toEqual([text])
    const conversation = [...screen.state.conversations.values()].find(
      ({ lastMessage }) => lastMessage?.text === text,
    )
    expect(conversation).toMatchObject({ unreadCount: 1, lastSeq: 1 })
  })

  test.each(orders.map((order) => [order.join(', '), order] as const))(
    '[D2] statuses in the order %s only climb, and end where the network got to',
    async (_, order) => {
      const { messageId, send } = await sendOne()
      for (const status of order) await system.network.tell(system.number, send, status)
      await eventually(() => expect(onScreen().find(({ id }) => id === messageId)?.status).toBe('read'))
      await inboxStates()
      const told = await statusEvents(messageId)
      const rungs = told.map((type) => ladder.indexOf(type))
      expect(rungs).toEqual([...new Set(rungs)].toSorted((one, other) => one - other))
      expect(told.at(-1)).toBe('read')
    },
  )

  test('[D2] statuses that come before our side knows the id, with nothing that names the message, wait for it', async () => {
    const early: Promise<void>[] = []
    system.network.onAccepted((send) => {
      if (send.text !== 'our answer') return
      const { number, network } = system
      early.push(
        network.deliver(
          number,
          delivery(number, [statusOf(send.id, 'read'), statusOf(send.id, 'delivered')]),
        ),
      )
    })
    const { messageId } = await sendOne()
    await Promise.all(early)
    await eventually(() => expect(onScreen().find(({ id }) => id === messageId)?.status).toBe('read'))
    const told = await statusEvents(messageId)
    expect(told.toSorted((one, other) => ladder.indexOf(one) - ladder.indexOf(other))).toEqual(told)
  })

  test('[D3] monsters in a delivery are shown as text or set aside once; their siblings are on the screen', async () => {
    const words = randomUUID()
    const sound = (name: string) => written(person(), `${words} ${name}`)
    const monsters: [name: string, text: string][] = [
      ['NUL', 'a\\u0000b'],
      ['half a pair', 'a\\ud800b'],
      ['the other half', '\\udfffb'],
      ['__proto__', '{\\"__proto__\\":{\\"polluted\\":true}}'],
      ['turned around', '\\u202egpj.exe'],
    ]
    const bodies = monsters.map(([name, text]) =>
      delivery(system.number, [
        sound(`before ${name}`),
        written(person(), 'MONSTER'),
        sound(`after ${name}`),
      ]).replace('MONSTER', `${words} ${text}`),
    )
    const odd = delivery(system.number, [
      sound('before odd'),
      { messages: ['no message', null, 7] },
      sound('after odd'),
    ])
    const huge = delivery(system.number, [sound('before huge'), sound('after huge')]).replace(
      '"messaging_product":"whatsapp"',
      '"messaging_product":"whatsapp","x":1e400,"x":2,"__proto__":{"polluted":true}',
    )
    for (const body of [...bodies, odd, huge]) expect(await post(body)).toBe(200)
    const siblings = [...monsters.map(([name]) => name), 'odd', 'huge'].flatMap((name) => [
      `${words} before ${name}`,
      `${words} after ${name}`,
    ])
    await eventually(() => expect(textsOnScreen(words)).toEqual(expect.arrayContaining(siblings)))
    const { parked } = await inboxStates()
    expect(parked).toBeLessThanOrEqual(bodies.length + 1)
    // Set aside once: nothing is tried again and again.
    const attempts = await system.asOwner('select from webhook_inbox where attempts > 0')
    expect(attempts).toEqual([])
    const shownOfMonsters = textsOnScreen(words).filter((text) => !/before|after/.test(text))
    expect(shownOfMonsters.length + (parked ?? 0)).toBeGreaterThanOrEqual(monsters.length)
    for (const text of shownOfMonsters) expect(text).not.toMatch(/\0/)
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
    expect(system.deaths).toEqual([])
  })

  test('[D6] a burst of 600 deliveries, 48 at a time: every one is answered 200, on the screen once, and in its order', async () => {
    const customers = Array.from({ length: 24 }, () => ({ who: person(), texts: [] as string[] }))
    const began = Date.now() - 3_600_000
    const queue = Array.from({ length: 600 }, (_, place) => {
      const customer = customers[place % customers.length]!
      const text = `burst ${place} ${randomUUID()}`
      customer.texts.push(text)
      return delivery(system.number, [
        written(customer.who, text, { id: wamid(), at: new Date(began + place * 1000) }),
      ])
    })
    const statuses: (number | undefined)[] = []
    const took: number[] = []
    await Promise.all(
      Array.from({ length: 48 }, async () => {
        for (let body = queue.shift(); body !== undefined; body = queue.shift()) {
          const at = performance.now()
          statuses.push(await post(body))
          took.push(performance.now() - at)
        }
      }),
    )
    expect(new Set(statuses)).toEqual(new Set([200]))
    await eventually(() => expect(textsOnScreen('burst ')).toHaveLength(600), 30_000)
    for (const { who, texts } of customers) {
      const conversation = [...screen.state.conversations.values()].find(({ contact }) =>
        contact.identities.some(({ value }) => value === who.number),
      )
      const messages = screen.state.messages.get(conversation?.id ?? '') ?? []
      expect(messages.map(({ text }) => text)).toEqual(texts)
      expect(conversation).toMatchObject({ unreadCount: 25, lastSeq: 25 })
    }
    await eventually(() => expect(screen.isSettled).toBe(true))
    expect(shown(screen.state)).toEqual(shown(await screen.fresh()))
    const ordered = took.toSorted((one, other) => one - other)
    console.log(
      `600 deliveries: answered in ${Math.round(ordered[300] ?? 0)} ms (half), ${Math.round(ordered[594] ?? 0)} ms (99 %)`,
    )
  }, 60_000)
})
