import type { Customer } from './customers.ts'
import type { Dice } from './dice.ts'
import type { SentMessage } from './sent-message.ts'
import type { Status } from './webhook-body.ts'

/** What becomes of a message, and when after it was accepted. */
export interface Receipts {
  readonly statuses: readonly { readonly status: Status; readonly afterMs: number }[]
  /** When the customer has looked at it; undefined when nobody will. */
  readonly readAfterMs: number | undefined
}

const openChatShare = 0.08

/**
 * The ladder of a message (reference 5): sent, delivered, read. With the chat open `delivered` is left out, without read
 * receipts `read` is; a reaction is only sent, and to a number that nobody has everything fails.
 */
export function receiptsOf(dice: Dice, message: SentMessage, customer: Customer | undefined): Receipts {
  const sent = { status: 'sent' as const, afterMs: dice.between(40, 300) }
  if (customer === undefined) {
    const failed = { status: 'failed' as const, afterMs: sent.afterMs + dice.between(200, 1_000) }
    return { statuses: [sent, failed], readAfterMs: undefined }
  }
  const deliveredAfterMs = sent.afterMs + dice.between(80, 1_200)
  const chatIsOpen = dice.chance(openChatShare)
  const readAfterMs = deliveredAfterMs + (chatIsOpen ? 300 : dice.between(800, 9_000))
  if (message.type === 'reaction') return { statuses: [sent], readAfterMs }
  return {
    statuses: [
      sent,
      ...(chatIsOpen && customer.showsRead
        ? []
        : [{ status: 'delivered' as const, afterMs: deliveredAfterMs }]),
      ...(customer.showsRead ? [{ status: 'read' as const, afterMs: readAfterMs }] : []),
    ],
    readAfterMs,
  }
}
