import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Departures } from './farewell.ts'

test('[GW12] of many connections that leave at once a few are torn down in a turn of the event loop, until all are; who has time left stays', async () => {
  const departures = new Departures()
  const torn: number[] = []
  for (let n = 0; n < 10; n++) departures.add({ destroy: () => torn.push(n) }, n < 9 ? 0 : 1)
  const perTurn: number[] = []
  departures.sweep(1000)
  do {
    perTurn.push(torn.length)
    // Asked again meanwhile, as it is ten times a second.
    departures.sweep(1000)
    await nextTurn()
  } while (torn.length > (perTurn.at(-1) ?? 0))
  expect(perTurn).toEqual([4, 8, 9])
  departures.sweep(1001)
  expect(torn).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
})
