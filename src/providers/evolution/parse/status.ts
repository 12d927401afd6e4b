import type { DeliveryStatus, InboundStatus } from '../../inbound.ts'
import { field, inner, textIn, type Untrusted } from '../../untrusted.ts'
import { personOf } from './chat.ts'
import { enumName, isRecord, isTrue } from './dialect.ts'
import { addEdit } from './edits.ts'
import { identitiesOf, readJid } from './jid.ts'
import type { Scene } from './sink.ts'

const statuses = { ERROR: 0, PENDING: 1, SERVER_ACK: 2, DELIVERY_ACK: 3, READ: 4, PLAYED: 5 } as const

const words: Readonly<Record<keyof typeof statuses, DeliveryStatus | 'queued'>> = {
  ERROR: 'failed',
  PENDING: 'queued',
  SERVER_ACK: 'sent',
  DELIVERY_ACK: 'delivered',
  READ: 'read',
  PLAYED: 'played',
}

/** Our word for a status by name or number; `queued` is before any network saw it. */
export function deliveryStatus(value: unknown): DeliveryStatus | 'queued' | undefined {
  const name = enumName(value, statuses)
  return name === undefined ? undefined : words[name]
}

/**
 * `messages.update` (section 11). `keyId` is WhatsApp's id; `messageId` is a row of the server's database and means
 * nothing to us. `status` is a fallback value and is not believed when the update is about something else.
 */
export function readUpdate(element: unknown, scene: Scene): void {
  const { sink } = scene
  if (!isRecord(element)) return sink.reject('a message update that is no object', element)
  // Version 1 put the facts into `update` and the id into `key`.
  const facts = inner(element, 'update') ?? element
  const key = inner(element, 'key') ?? element
  const id = textIn(element, 'keyId') ?? textIn(key, 'id')
  if (id === undefined) return sink.reject('a message update without key id', element)
  const message = inner(facts, 'message')
  if (message !== undefined) {
    if (inner(message, 'editedMessage') === undefined)
      return sink.ignore('a message update that is no edit and no status')
    return addEdit({ target: id, message, at: scene.receivedAt, chatJid: field(key, 'remoteJid') }, scene)
  }
  if (Array.isArray(field(facts, 'pollUpdates'))) {
    return sink.ignore('the count of a poll changed; the vote comes as a message of its own')
  }
  const status = deliveryStatus(field(facts, 'status'))
  if (status === undefined) return sink.ignore('a message update that tells no delivery status')
  if (status === 'queued') return sink.ignore('the message is still in the queue of the server')
  if (!isTrue(key, 'fromMe'))
    return sink.ignore('a status of what others wrote: the chat was read on the phone')
  sink.add(statusItem(id, status, key, scene))
}

function statusItem(id: string, status: DeliveryStatus, key: Untrusted, scene: Scene): InboundStatus {
  const chat = readJid(field(key, 'remoteJid'))
  const who = chat?.kind === 'group' ? identitiesOf([field(key, 'participant')], scene.own) : []
  return {
    kind: 'status',
    // The server tells no time of a status.
    at: scene.receivedAt,
    providerMessageId: id,
    status,
    // Statuses keep the hidden id in versions that lose it in messages, so it is worth knowing. A number is not: in
    // the server's Cloud API mode it is the id of our own number.
    ...(chat?.kind === 'lid' ? { recipient: personOf([{ kind: 'lid', value: chat.user }], undefined) } : {}),
    ...(who.length > 0 ? { participant: personOf(who, undefined) } : {}),
    ...(status === 'failed'
      ? {
          error: {
            code: 'ERROR',
            title: 'WhatsApp did not take the message',
            detail: 'the server gives no reason',
            retryable: true,
          },
        }
      : {}),
  }
}
