import { describe, expect, test } from 'vitest'
import { check, type History, type LoggedEvent } from '../harness/checker.ts'

/**
 * A checker that finds nothing is worth nothing: each anomaly that it must know is planted in a history that is otherwise
 * sound, and must be all that it finds.
 */
const event = (
  seq: number,
  type: string,
  data: Record<string, unknown>,
  scope = 'conversation',
): LoggedEvent => ({
  seq,
  type,
  data,
  scope,
  print: `print of ${seq}`,
})
const events: readonly LoggedEvent[] = [
  event(1, 'message.received', { message: { id: 'in-1', providerMessageId: 'wamid.1' } }),
  event(2, 'message.queued', { message: { id: 'out-1', clientMessageId: 'key-1' } }),
  event(3, 'conversation.hidden', { conversationId: 'c' }, 'lost-sight'),
  event(4, 'message.sent', { messageId: 'out-1' }),
  event(5, 'message.read', { messageId: 'out-1' }),
  event(6, 'note.added', { note: { id: 7, body: 'a note' } }),
]
const hear = (...seqs: number[]) => seqs.map((seq) => ({ seq, print: `print of ${seq}` }))
const chain = (...seqs: number[]) => ({
  from: { epoch: 1, seq: 0 },
  heard: hear(...seqs),
  to: { epoch: 1, seq: 6 },
})
const boss = { name: 'boss', tenant: 'main', role: 'admin', chains: [chain(1, 2, 4, 5, 6)] } as const
const ana = { name: 'ana', tenant: 'main', role: 'agent', chains: [chain(1, 3, 4)] } as const
const sound: History = {
  logs: [{ tenant: 'main', head: 6, events }],
  observers: [boss, ana],
  acked: [
    { tenant: 'main', type: 'message.received', id: 'wamid.1' },
    { tenant: 'main', type: 'note.added', id: 'a note' },
  ],
  asked: [
    { tenant: 'main', type: 'message.queued', id: 'key-1' },
    { tenant: 'main', type: 'message.queued', id: 'key that was refused' },
  ],
  sent: [
    { id: 'out-1', status: 'read', accepted: 1, told: 'read' },
    { id: 'out-2', status: 'unknown', accepted: 0, told: null },
    { id: 'out-3', status: 'failed', accepted: 0, told: null },
    { id: 'out-4', status: 'unknown', accepted: 1, told: null },
  ],
  states: [
    {
      name: 'ana',
      held: { conversations: { c: { labels: ['a'] } } },
      fresh: { conversations: { c: { labels: ['a'] } } },
    },
  ],
  leaks: [],
}

const withLog = (changed: readonly LoggedEvent[], head = 6): Partial<History> => ({
  logs: [{ tenant: 'main', head, events: changed }],
  observers: [],
  acked: [],
})
const heardBy = (observer: typeof boss | typeof ana, ...seqs: number[]): Partial<History> => ({
  observers: [{ ...observer, chains: [chain(...seqs)] }],
})
const sentAs = (status: string, accepted: number, told: string | null): Partial<History> => ({
  sent: [{ id: 'x', status, accepted, told }],
})

const planted: [fault: string, where: string, Partial<History>][] = [
  ['hole in the log', 'a number that is missing', withLog(events.filter(({ seq }) => seq !== 4))],
  ['hole in the log', 'the first one', withLog(events.slice(1))],
  ['hole in the log', 'the end, that the head knows of', withLog(events, 7)],
  ['repeat in the log', 'a number that is there twice', withLog([...events.slice(0, 3), ...events.slice(2)])],
  ['missing at a client', 'one event in the middle', heardBy(boss, 1, 2, 5, 6)],
  ['missing at a client', 'the last one', heardBy(boss, 1, 2, 4, 5)],
  ['missing at a client', 'the first one after the snapshot', heardBy(boss, 2, 4, 5, 6)],
  ['repeat at a client', 'the same again', heardBy(boss, 1, 2, 4, 4, 5, 6)],
  ['repeat at a client', 'an older one again', heardBy(ana, 1, 3, 1, 4)],
  ['reorder at a client', 'two that changed places', heardBy(boss, 1, 4, 2, 5, 6)],
  ['unknown event at a client', 'a number that the log does not have', heardBy(boss, 1, 2, 4, 5, 6, 9)],
  [
    'changed on the way',
    'another content under the same number',
    { observers: [{ ...ana, chains: [{ ...chain(), heard: [{ seq: 1, print: 'of something else' }] }] }] },
  ],
  [
    'acked and lost',
    'a delivery that got 200',
    { acked: [{ tenant: 'main', type: 'message.received', id: 'wamid.9' }] },
  ],
  [
    'acked and lost',
    'in the log of another tenant',
    { acked: [{ tenant: 'other', type: 'note.added', id: 'a note' }] },
  ],
  [
    'doubled effect',
    'one key, two messages',
    withLog([
      ...events.slice(0, 5),
      event(6, 'message.queued', { message: { id: 'out-9', clientMessageId: 'key-1' } }),
    ]),
  ],
  ['sent twice', 'taken twice by the network', sentAs('read', 2, 'read')],
  ['never settled', 'a message that still waits', sentAs('queued', 0, null)],
  ['settled wrongly', 'sent, and the network never took it', sentAs('sent', 0, null)],
  ['settled wrongly', 'unknown, although the network said more', sentAs('unknown', 1, 'delivered')],
  ['settled wrongly', 'behind what the network said', sentAs('delivered', 1, 'read')],
  ['settled wrongly', 'failed, and the customer has it', sentAs('failed', 1, null)],
  [
    'status fell back',
    'delivered after read',
    withLog([...events.slice(0, 5), event(6, 'message.delivered', { messageId: 'out-1' })]),
  ],
  [
    'state differs',
    'deep inside a record',
    { states: [{ name: 'ana', held: { a: [{ labels: ['x'] }] }, fresh: { a: [{ labels: ['y'] }] } }] },
  ],
  [
    'state differs',
    'a record too many',
    { states: [{ name: 'ana', held: { a: {}, b: {} }, fresh: { a: {} } }] },
  ],
  ['state differs', 'a record too few', { states: [{ name: 'ana', held: {}, fresh: { a: null } }] }],
  [
    'leak between tenants',
    'a mark of another tenant',
    { leaks: [{ reader: 'other/boss', mark: 'mark-main' }] },
  ],
]

describe('the checker', () => {
  test('finds nothing wrong with a sound history', () => {
    expect(check(sound)).toEqual([])
  })

  test.each(planted)('finds a planted %s: %s', (fault, _, change) => {
    const found = check({ ...sound, ...change })
    expect(found.map((anomaly) => anomaly.fault)).toEqual([fault])
    expect(found[0]?.detail).not.toBe('')
  })

  test('demands of an agent no more than an unbroken order: what was missed shows in the state', () => {
    expect(check({ ...sound, ...heardBy(ana, 1) })).toEqual([])
  })

  test('counts a chain from its own beginning to where the client knows that it is', () => {
    const late = { from: { epoch: 1, seq: 4 }, heard: hear(5), to: { epoch: 1, seq: 5 } }
    expect(check({ ...sound, observers: [{ ...boss, chains: [chain(1, 2, 4, 5, 6), late] }] })).toEqual([])
  })
})
