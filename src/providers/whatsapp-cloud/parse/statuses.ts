import type { DeliveryStatus, InboundStatus, Person, ProviderError } from '../../inbound.ts'
import {
  field,
  inner,
  instantOf,
  listOf,
  present,
  recordOf,
  storableRecord,
  textIn,
  type Untrusted,
} from '../../untrusted.ts'
import { errorObject } from '../error-object.ts'
import { type Part, type Reading, Unreadable } from './part.ts'
import { identitiesOf, personOf } from './people.ts'

const known: ReadonlySet<string> = new Set<DeliveryStatus>(['sent', 'delivered', 'read', 'played', 'failed'])
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/**
 * One element of `value.statuses` (reference 5). `biz_opaque_callback_data` is our message id only when it is a UUID: other
 * systems that send through the same number put their own data there.
 */
export function readStatus(reading: Reading, part: Part, record: Untrusted): void {
  const providerMessageId = textIn(record, 'id')
  const status = textIn(record, 'status')
  if (providerMessageId === undefined) throw new Unreadable('a status without a message id')
  if (status === undefined) throw new Unreadable('a status that does not say which')
  const about = textIn(record, 'type') ?? 'message'
  if (about !== 'message') {
    reading.ignored.push(`the status of a ${about} is not used`)
    return
  }
  if (!isDeliveryStatus(status)) {
    reading.ignored.push(`status "${status}" of message ${providerMessageId} is not used`)
    return
  }
  const opaque = textIn(record, 'biz_opaque_callback_data')
  const item: InboundStatus = {
    kind: 'status',
    at: instantOf(record.timestamp) ?? part.at,
    providerMessageId,
    status,
    ...present({
      ourMessageId: opaque !== undefined && uuid.test(opaque) ? opaque.toLowerCase() : undefined,
      recipient: recipientOf(part, record),
      participant: participantOf(part, record),
      error: status === 'failed' ? failureOf(record) : undefined,
      pricing: recordIn(record, 'pricing'),
      conversation: recordIn(record, 'conversation'),
    }),
  }
  reading.items.push(item)
}

function isDeliveryStatus(status: string): status is DeliveryStatus {
  return known.has(status)
}

function recipientOf(part: Part, record: Untrusted): Person | undefined {
  if (textIn(record, 'recipient_type') === 'group') {
    const identities = identitiesOf({ group: textIn(record, 'recipient_id') })
    return identities.length === 0 ? undefined : { identities }
  }
  return personOf(part, {
    number: record.recipient_id,
    userId: record.recipient_user_id,
    parentUserId: record.recipient_parent_user_id,
  })
}

function participantOf(part: Part, record: Untrusted): Person | undefined {
  const number = field(record, 'recipient_participant_id')
  const userId = field(record, 'recipient_participant_user_id')
  return number === undefined && userId === undefined ? undefined : personOf(part, { number, userId })
}

function failureOf(record: Untrusted): ProviderError {
  const first = listOf(field(record, 'errors'))
    .map(recordOf)
    .find((error) => error !== undefined)
  return errorObject(first ?? { title: 'The message could not be delivered' }).error
}

function recordIn(record: Untrusted, name: string): Record<string, unknown> | undefined {
  const found = inner(record, name)
  return found === undefined ? undefined : storableRecord(found)
}
