import type { Content } from './content.ts'
import type { Dice } from './dice.ts'
import { advertisements, afterthoughts, captions, openings, places } from './phrases.ts'

/** One thing that a customer does of their own accord. */
export interface Act {
  /** Time since the act before it. */
  readonly afterMs: number
  /** Place of the customer in the crowd. */
  readonly customer: number
  readonly content: Content
}

/** A quarter of the acts have a second half soon after; see secondHalf. */
const followUpShare = 0.25
const followUpMs = { least: 2_000, most: 9_000 }

/**
 * What the crowd does by itself, without end: `ratePerSecond` acts on average, at irregular times. It hangs on the dice
 * alone and not on the hub, so a seed tells its story again.
 */
export function* storyOf(dice: Dice, crowd: number, ratePerSecond: number): Generator<Act, never> {
  const meanMs = 1000 / ratePerSecond
  // Second halves that are still to come, the next one first.
  const pending: { dueMs: number; customer: number; content: Content }[] = []
  let nowMs = 0
  let openingMs = 0
  for (;;) {
    // Waiting times of a Poisson process, without its extremes: nobody wants to watch a minute of silence.
    openingMs += Math.min(-Math.log(1 - dice.next()) * meanMs, 2.5 * meanMs)
    while (pending[0] !== undefined && pending[0].dueMs <= openingMs) {
      const { dueMs, ...half } = pending[0]
      pending.shift()
      yield { afterMs: dueMs - nowMs, ...half }
      nowMs = dueMs
    }
    const customer = Math.floor(dice.next() * crowd)
    const content = opening(dice)
    yield { afterMs: openingMs - nowMs, customer, content }
    nowMs = openingMs
    const more = secondHalf(dice, content)
    if (more === undefined) continue
    const dueMs = nowMs + dice.between(followUpMs.least, followUpMs.most)
    pending.push({ dueMs, customer, content: more })
    pending.sort((one, other) => one.dueMs - other.dueMs)
  }
}

function opening(dice: Dice): Content {
  const roll = dice.next()
  if (roll < 0.68) return { type: 'text', body: dice.pick(openings) }
  if (roll < 0.84)
    return {
      type: 'image',
      file: { kind: 'photo', variant: Math.floor(dice.next() * 1000) },
      ...(dice.chance(0.6) && { caption: dice.pick(captions) }),
    }
  if (roll < 0.9) return { type: 'location', ...dice.pick(places) }
  if (roll < 0.95)
    return {
      type: 'document',
      file: { kind: 'receipt', variant: Math.floor(dice.next() * 1000) },
      fileName: 'receipt.pdf',
      caption: 'my receipt',
    }
  return { type: 'text', body: 'Can I get more info about this?', ad: dice.pick(advertisements) }
}

/** An afterthought; rarely the text is put right or taken back. */
function secondHalf(dice: Dice, first: Content): Content | undefined {
  if (!dice.chance(followUpShare)) return undefined
  const roll = dice.next()
  if (first.type === 'text' && roll < 0.2) return { type: 'edit', body: `${first.body} (corrected)` }
  if (first.type === 'text' && roll < 0.3) return { type: 'revoke' }
  return { type: 'text', body: dice.pick(afterthoughts) }
}
