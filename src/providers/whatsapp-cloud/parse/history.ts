import type { DeliveryStatus, InboundMessage } from '../../inbound.ts'
import { digitsOf, field, inner, numberIn, present, textIn, type Untrusted } from '../../untrusted.ts'
import { errorList } from '../error-object.ts'
import { readMessage } from './messages.ts'
import { eachOf, type Part, type Reading, Unreadable } from './part.ts'
import { personOf } from './people.ts'

const statuses: ReadonlyMap<string, DeliveryStatus> = new Map([
  ['SENT', 'sent'],
  ['DELIVERED', 'delivered'],
  ['READ', 'read'],
  ['PLAYED', 'played'],
  ['ERROR', 'failed'],
])

/**
 * Field `history`: chunks of up to 180 days, out of order, when a number of the Business app is onboarded. Everything in it
 * has the origin `history`. A chunk also says how far the import is; a refusal of the owner comes as an error instead.
 */
export function readHistory(reading: Reading, part: Part, chunk: Untrusted): void {
  const refused = errorList(field(chunk, 'errors'))
  const [first] = refused
  if (first !== undefined) {
    reading.items.push({
      kind: 'channel',
      at: part.at,
      what: 'history_declined',
      health: { historyImport: { state: 'declined', code: first.code } },
      reason: first.detail,
    })
  }
  const metadata = inner(chunk, 'metadata')
  const progress = numberIn(metadata, 'progress')
  if (progress !== undefined) {
    const phase = numberIn(metadata, 'phase')
    reading.items.push({
      kind: 'channel',
      at: part.at,
      what: 'history_progress',
      health: { historyImport: { state: 'running', progress, ...present({ phase }) } },
    })
  }
  eachOf(reading, chunk, 'threads', (thread) => {
    eachOf(reading, thread, 'messages', (message) => readImported(reading, part, message, thread.id))
  })
}

/** A file of an imported message, which came as a placeholder before: the same id, now with its content. */
export function readHistoryFollowUp(reading: Reading, part: Part, message: Untrusted): void {
  readImported(reading, part, message, undefined)
}

/**
 * Who wrote follows from the thread (its id is the customer's number) and from our own number; the thread decides first,
 * because our number can be spelled differently in `from` than in the metadata.
 */
function readImported(reading: Reading, part: Part, message: Untrusted, threadId: unknown): void {
  const from = digitsOf(message.from)
  const customer = digitsOf(threadId)
  const ours =
    customer === undefined
      ? from !== undefined && from === part.ourNumber
      : from !== undefined && from !== customer
  const direction: InboundMessage['direction'] = ours ? 'out' : 'in'
  const chat = personOf(
    { profiles: threadId === undefined ? part.profiles : profilesOfThread(part, customer) },
    ours
      ? {
          number: threadId ?? message.to,
          userId: message.to_user_id,
          parentUserId: message.to_parent_user_id,
        }
      : {
          number: threadId ?? message.from,
          userId: message.from_user_id,
          parentUserId: message.from_parent_user_id,
        },
  )
  if (chat === undefined) throw new Unreadable('an imported message that does not say with whom')
  const told = textIn(inner(message, 'history_context'), 'status')
  const status = ours && told !== undefined ? statuses.get(told.toUpperCase()) : undefined
  readMessage(reading, part, message, { direction, origin: 'history', chat, ...(status && { status }) })
}

/** Only a profile of the thread's own customer may name them: a chunk holds many threads. */
function profilesOfThread(part: Part, customer: string | undefined): Part['profiles'] {
  return customer === undefined ? [] : part.profiles.filter((profile) => profile.waId === customer)
}
