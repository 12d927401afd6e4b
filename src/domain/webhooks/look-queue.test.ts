import { expect, test } from 'vitest'
import { type Look, LookQueue } from './look-queue.ts'

const key = (tenantId: string, channelId = tenantId) => ({ tenantId, channelId })
const channelsOf = (look: Look | undefined) => look?.channels.map((one) => one.key.channelId)

test('[IN9] a look takes one channel of each tenant, those who came first, in the order of tenants; a channel has one look at a time', () => {
  const queue = new LookQueue({ lanes: 3, together: 2 })
  void queue.ask(key('c'))
  void queue.ask(key('a', 'a1'))
  void queue.ask(key('a', 'a2'))
  void queue.ask(key('b'))
  const first = queue.begin()
  expect(channelsOf(first)).toEqual(['a1', 'c'])
  void queue.ask(key('c'))
  expect(channelsOf(queue.begin())).toEqual(['a2', 'b'])
  expect(queue.begin()).toBeUndefined()
  for (const one of first?.channels ?? []) queue.end(one, 1)
  expect(channelsOf(queue.begin())).toEqual(['c'])
})

test('[IN9] looks that wait for somebody leave a lane to the others, and take the only one in their turn', () => {
  for (const [lanes, patient] of [
    [1, 1],
    [2, 1],
    [4, 3],
  ] as const) {
    const queue = new LookQueue({ lanes, together: 16 })
    for (const name of ['a', 'b', 'c', 'd', 'e']) void queue.ask(key(name))
    const shared = queue.begin() as Look
    for (const one of shared.channels) queue.goOn(one, 'patient')
    queue.over(shared)
    void queue.ask(key('f'))
    const begun = [...Array(lanes)].map(() => queue.begin())
    expect(begun.filter((look) => look?.way === 'patient')).toHaveLength(patient)
    expect(channelsOf(begun.find((look) => look?.way === 'shared'))).toEqual(lanes === 1 ? undefined : ['f'])
    expect(queue.isFree).toBe(false)
    expect(queue.begin()).toBeUndefined()
  }
})

test('[IN9] who asks meanwhile shares the next look; the first is told of everything, and all are told of a failure', async () => {
  const queue = new LookQueue({ lanes: 1, together: 16 })
  const asked = [queue.ask(key('a')), queue.ask(key('a'))]
  const first = queue.begin() as Look
  asked.push(queue.ask(key('a')))
  for (const one of first.channels) {
    one.done += 4
    queue.goOn(one, 'apart')
  }
  queue.over(first)
  const second = queue.begin() as Look
  expect(second.way).toBe('apart')
  const late = [queue.ask(key('a')), queue.ask(key('a'))]
  for (const one of second.channels) queue.end(one, one.done + 1)
  queue.over(second)
  expect(await Promise.all(asked)).toEqual([5, 0, 0])
  const third = queue.begin() as Look
  for (const one of third.channels) queue.end(one, new Error('away'))
  queue.over(third)
  expect(await Promise.allSettled(late)).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }])
  const last = queue.ask(key('a'))
  queue.giveUp()
  expect(await last).toBe(0)
  expect(queue.begin()).toBeUndefined()
})
