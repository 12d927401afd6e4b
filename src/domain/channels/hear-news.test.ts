import { describe, expect, test } from 'vitest'
import type { InboundChannelUpdate } from '../../providers/inbound.ts'
import { hearNews, type NumberState } from './hear-news.ts'

const now = new Date('2026-07-01T12:00:00.000Z')
const most = 4096
const fresh: NumberState = {
  status: 'connected',
  stoppedReason: null,
  health: {},
  restrictedUntil: null,
  told: {},
}
const at = (minute: number) => new Date(Date.UTC(2026, 6, 1, 10, minute))

function news(minute: number, more: Partial<InboundChannelUpdate>): InboundChannelUpdate {
  return { kind: 'channel', at: at(minute), what: 'a test', health: {}, ...more }
}

function end(items: readonly InboundChannelUpdate[], from: NumberState = fresh): NumberState {
  return items.reduce((state, item) => hearNews(state, item, now, most), from)
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]]
  return items.flatMap((item, place) =>
    permutations(items.toSpliced(place, 1)).map((rest) => [item, ...rest]),
  )
}

describe('[NEWS1] a number ends as the newest word says, in whatever order words arrive', () => {
  test('all orders of a bad day end the same, and so does each with everything said twice', () => {
    const day = [
      news(1, { health: { quality: 'GREEN', limit: '2000' } }),
      news(2, {
        status: 'restricted',
        reason: 'first warning',
        until: at(99),
        health: { event: 'RESTRICTION' },
      }),
      news(3, { status: 'blocked', reason: 'banned', health: { event: 'DISABLED', quality: 'RED' } }),
      news(4, { status: 'connecting', health: { qr: 'data:image/png;base64,AA==' } }),
      news(5, { health: { quality: 'YELLOW', qr: null } }),
    ]
    const expected = {
      status: 'connecting',
      stoppedReason: 'banned',
      restrictedUntil: null,
      health: { quality: 'YELLOW', limit: '2000', event: 'DISABLED', reason: null, qr: null },
    }
    for (const order of permutations(day)) {
      expect(end(order)).toMatchObject(expected)
      expect(end([...order, ...order])).toEqual(end(order))
    }
  })

  test('of two words of the same moment the one that arrived later counts', () => {
    expect(end([news(1, { health: { q: 'A' } }), news(1, { health: { q: 'B' } })]).health).toEqual({ q: 'B' })
  })

  test('a word from the future does not outrank what is said until then', () => {
    const future = news(0, { at: new Date('2199-01-01T00:00:00Z'), health: { q: 'from the future' } })
    const later = hearNews(end([future]), { ...news(0, { health: { q: 'now' } }), at: now }, now, most)
    expect(later.health).toEqual({ q: 'now' })
  })

  test('a fact of CHANNEL_FACT_BYTES is kept, a larger one leaves a note', () => {
    const fits = 'x'.repeat(most - 2)
    expect(end([news(1, { health: { a: fits } })]).health).toEqual({ a: fits })
    expect(end([news(1, { health: { a: `${fits}x` } })]).health).toEqual({ a: { tooLargeBytes: most + 1 } })
  })
})

describe('[NEWS2] what stops a number, and what lets it go on', () => {
  test.each([
    ['blocked', {}, 'it is blocked'],
    ['removed', {}, 'it is removed'],
    ['restricted', {}, 'it is restricted'],
    ['restricted', { answersOnly: true }, null],
    ['disconnected', {}, null],
    ['connecting', {}, null],
  ] as const)('%s %j', (status, more, stoppedReason) => {
    expect(end([news(1, { status, reason: `it is ${status}`, ...more })])).toMatchObject({
      status,
      stoppedReason,
    })
  })

  test('a network that gives no reason is quoted', () => {
    expect(end([news(1, { status: 'blocked' })]).stoppedReason).toBe('the network says blocked')
    expect(end([news(1, { status: 'blocked', reason: 'x'.repeat(5000) })]).stoppedReason).toHaveLength(300)
  })

  test('"connected" takes back what news stopped, and so does a restriction that leaves answers', () => {
    const blocked = end([news(1, { status: 'blocked', reason: 'banned' })])
    expect(end([news(2, { status: 'connected' })], blocked).stoppedReason).toBeNull()
    expect(end([news(2, { status: 'restricted', answersOnly: true })], blocked).stoppedReason).toBeNull()
    expect(end([news(2, { status: 'disconnected' })], blocked).stoppedReason).toBe('banned')
    expect(end([news(0, { status: 'connected' })], blocked).stoppedReason).toBe('banned')
  })

  test('the end of a restriction is remembered until something else is said; it never lies before its beginning', () => {
    const until = new Date('2026-08-01T00:00:00.000Z')
    const restricted = end([news(5, { status: 'restricted', reason: 'spam', until })])
    expect(restricted.restrictedUntil).toBe(until.toISOString())
    expect(end([news(6, { health: { q: 1 } })], restricted).restrictedUntil).toBe(until.toISOString())
    expect(end([news(6, { status: 'blocked' })], restricted).restrictedUntil).toBeNull()
    expect(end([news(6, { status: 'connected' })], restricted).restrictedUntil).toBeNull()
    expect(end([news(4, { status: 'blocked' })], restricted).restrictedUntil).toBe(until.toISOString())
    expect(end([news(5, { status: 'restricted', until: at(1) })]).restrictedUntil).toBe(at(5).toISOString())
    expect(end([news(5, { status: 'restricted' })]).restrictedUntil).toBeNull()
  })

  test('a number that somebody else stopped stays stopped for that reason', () => {
    const stopped = { ...fresh, stoppedReason: 'the token is refused (190)' }
    const after = end(
      [news(1, { status: 'blocked', reason: 'banned' }), news(2, { status: 'connected' })],
      stopped,
    )
    expect(after).toMatchObject({ status: 'connected', stoppedReason: 'the token is refused (190)' })
  })
})
