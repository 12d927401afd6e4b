import type { InboundItem, PoisonPart } from '../../inbound.ts'
import { field, recordOf, storable, textIn, type Untrusted } from '../../untrusted.ts'

/** One element of `value.contacts`: the profile of a user who appears in the value. */
export interface Profile {
  readonly waId: string | undefined
  readonly userId: string | undefined
  readonly parentUserId: string | undefined
  readonly name: string | undefined
  readonly username: string | undefined
}

/** What all readers of one `value` know: whose it is, who is in it, and the time when a part does not say. */
export interface Part {
  /** Digits of our own number, to tell our messages from theirs. */
  readonly ourNumber: string | undefined
  readonly profiles: readonly Profile[]
  /** `entry.time` when there is one, else the time of arrival. */
  readonly at: Date
  /** `value.errors`: what Meta could not deliver beside these parts. */
  readonly errors: readonly { code: string; title: string; detail: string }[]
}

/** What has been read so far. */
export interface Reading {
  readonly items: InboundItem[]
  readonly poison: PoisonPart[]
  readonly ignored: string[]
}

/** Thrown by a reader whose part makes no sense; the message is the reason that a human will read. */
export class Unreadable extends Error {}

/**
 * Reads each element of a list by itself: one that makes no sense goes to `poison`, its siblings are read all the same. A
 * missing list is no error. Any other exception is a bug of ours that must cost one part, not the delivery.
 */
export function eachOf(
  reading: Reading,
  value: Untrusted,
  name: string,
  read: (record: Untrusted) => void,
): void {
  const list = field(value, name)
  if (list === undefined || list === null) return
  if (!Array.isArray(list)) {
    reading.poison.push({ reason: `${name} is not a list`, raw: storable(list) })
    return
  }
  for (const raw of list) {
    const before = reading.items.length
    try {
      const record = recordOf(raw)
      if (record === undefined) throw new Unreadable(`an element of ${name} is not an object`)
      read(record)
    } catch (error) {
      reading.items.length = before
      const why = error instanceof Error ? error.message : String(error)
      const reason = error instanceof Unreadable ? why : `unexpected: ${why}`
      reading.poison.push({ reason, raw: storable(raw) })
    }
  }
}

/** The id that makes a message unique in its channel; without it nothing can be stored twice-safe. */
export function requiredId(message: Untrusted): string {
  const id = textIn(message, 'id')
  if (id === undefined) throw new Unreadable('a message without an id')
  return id
}
