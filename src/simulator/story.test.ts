import { expect, test } from 'vitest'
import { Dice } from './dice.ts'
import { type Act, storyOf } from './story.ts'

function tell(seed: number, acts: number, rate = 2): Act[] {
  const story = storyOf(new Dice(seed), 20, rate)
  return Array.from({ length: acts }, () => story.next().value)
}

test('[SIM4] the same seed tells the same story, another seed another one', () => {
  expect(tell(7, 500)).toEqual(tell(7, 500))
  expect(tell(7, 500)).not.toEqual(tell(8, 500))
})

test('[SIM4] the story keeps its rate, and everything that customers do occurs in it', () => {
  const acts = tell(1, 4000)
  const seconds = acts.reduce((sum, { afterMs }) => sum + afterMs, 0) / 1000
  // Second halves come on top of the rate, the longest silences are cut.
  expect(acts.length / seconds).toBeGreaterThan(2)
  expect(acts.length / seconds).toBeLessThan(3)
  expect(acts.every(({ afterMs, customer }) => afterMs >= 0 && customer >= 0 && customer < 20)).toBe(true)
  const kinds = new Set(acts.map(({ content }) => content.type))
  expect(kinds).toEqual(new Set(['text', 'image', 'location', 'document', 'edit', 'revoke']))
  expect(acts.some(({ content }) => content.type === 'text' && content.ad !== undefined)).toBe(true)
})
