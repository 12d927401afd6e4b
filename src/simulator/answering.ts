import type { Content } from './content.ts'
import type { Dice } from './dice.ts'
import { answers, emojis, places } from './phrases.ts'
import type { SentMessage } from './sent-message.ts'

export interface Reaction {
  /** After the customer looked at the message. */
  readonly afterMs: number
  readonly content: Content
}

const thinkMs = { least: 1_500, most: 7_000 }
/** A thumb on glass, some 200 characters a minute. */
const msPerCharacter = 300
const longestTypingMs = 15_000

/** What a customer makes of a message of the hub, if anything; buttons are tapped more often than texts are answered. */
export function reactionTo(dice: Dice, message: SentMessage): Reaction | undefined {
  const thinking = dice.between(thinkMs.least, thinkMs.most)
  const tap = tapOn(dice, message)
  if (tap !== undefined) return dice.chance(0.85) ? { afterMs: thinking, content: tap } : undefined
  if (message.type === 'reaction') return undefined
  const roll = dice.next()
  if (roll < 0.12) return { afterMs: thinking, content: { type: 'reaction', emoji: dice.pick(emojis) } }
  if (roll > 0.75) return undefined
  const body = dice.pick(answers)
  const typing = Math.min(body.length * msPerCharacter, longestTypingMs)
  const quotes = dice.chance(0.25)
  return { afterMs: thinking + typing, content: { type: 'text', body, ...(quotes && { quotes }) } }
}

function tapOn(dice: Dice, { choices }: SentMessage): Content | undefined {
  if (choices.kind === 'location') return { type: 'location', ...dice.pick(places), quotes: true }
  const [first, ...others] = choices.options
  if (first === undefined) return undefined
  const chosen = dice.pick([first, ...others])
  if (choices.kind === 'template') return { type: 'button', payload: chosen.id, text: chosen.title }
  return choices.kind === 'buttons'
    ? { type: 'button_reply', id: chosen.id, title: chosen.title }
    : { type: 'list_reply', ...chosen }
}
