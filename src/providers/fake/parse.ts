import { messageType } from '../../contract/message.ts'
import type { DeliveryStatus, InboundItem, Parsed, Person, PoisonPart } from '../inbound.ts'
import type { ProviderChannel } from '../port.ts'
import {
  digitsOf,
  field,
  inner,
  listOf,
  mimeTypeOf,
  recordOf,
  storable,
  storableRecord,
  textIn,
  type Untrusted,
} from '../untrusted.ts'

const statuses: ReadonlySet<string> = new Set<DeliveryStatus>([
  'sent',
  'delivered',
  'read',
  'played',
  'failed',
])

/**
 * A delivery of the fake network: `{number, parts: [...]}`. A part is
 * `{kind: "message", id, from, name?, at, type, text?, payload?, file?: {id, mimeType}, replyTo?}`,
 * `{kind: "reaction", id, from, at, target, emoji}` or `{kind: "status", id, at, status, ref?, error?: {code, title, retryable?}}`.
 * `from` are digits, `at` is ISO 8601, `ref` our own message id.
 */
export function parseFakeDelivery(
  channel: Pick<ProviderChannel, 'settings'>,
  body: unknown,
  receivedAt: Date,
): Parsed {
  const items: InboundItem[] = []
  const poison: PoisonPart[] = []
  const delivery = recordOf(body)
  if (textIn(delivery, 'number') !== channel.settings.number) return { items, poison, ignored: [] }
  for (const raw of listOf(field(delivery, 'parts'))) {
    const item = itemOf(recordOf(raw), receivedAt)
    if (typeof item === 'string') poison.push({ reason: item, raw: storable(raw) })
    else items.push(item)
  }
  return { items, poison, ignored: [] }
}

/** The item, or why there is none. */
function itemOf(part: Untrusted | undefined, receivedAt: Date): InboundItem | string {
  const id = textIn(part, 'id')
  if (part === undefined || id === undefined) return 'a part without an id'
  const at = timeOf(part) ?? receivedAt
  if (textIn(part, 'kind') === 'status') return statusOf(part, id, at)
  const chat = personOf(part)
  if (chat === undefined) return 'a part without a sender'
  const target = textIn(part, 'target')
  if (textIn(part, 'kind') === 'reaction') {
    if (target === undefined) return 'a reaction without the message that it is about'
    const emoji = textIn(part, 'emoji') ?? null
    return {
      kind: 'reaction',
      at,
      providerMessageId: id,
      targetProviderMessageId: target,
      emoji,
      chat,
      direction: 'in',
    }
  }
  if (textIn(part, 'kind') !== 'message') return 'a part of an unknown kind'
  const type = messageType.safeParse(textIn(part, 'type'))
  const file = inner(part, 'file')
  const fileId = textIn(file, 'id')
  const replyTo = textIn(part, 'replyTo')
  return {
    kind: 'message',
    at,
    direction: 'in',
    origin: 'live',
    providerMessageId: id,
    chat,
    type: type.success ? type.data : 'unsupported',
    text: textIn(part, 'text') ?? null,
    payload: type.success
      ? storableRecord(inner(part, 'payload'))
      : { what: textIn(part, 'type') ?? 'missing' },
    opensWindow: true,
    ...(!type.success && { raw: storable(part) }),
    ...(fileId !== undefined && { media: { ref: { id: fileId }, mimeType: mimeTypeOf(file?.mimeType) } }),
    ...(replyTo !== undefined && { replyTo: { providerMessageId: replyTo } }),
  }
}

function statusOf(part: Untrusted, id: string, at: Date): InboundItem | string {
  const status = textIn(part, 'status')
  if (status === undefined || !statuses.has(status)) return 'a status that does not say which'
  const ref = textIn(part, 'ref')
  const error = inner(part, 'error')
  return {
    kind: 'status',
    at,
    providerMessageId: id,
    status: status as DeliveryStatus,
    ...(ref !== undefined && { ourMessageId: ref }),
    ...(error !== undefined && {
      error: {
        code: textIn(error, 'code') ?? 'unknown',
        title: textIn(error, 'title') ?? 'The message could not be delivered',
        detail: textIn(error, 'title') ?? 'The message could not be delivered',
        retryable: field(error, 'retryable') === true,
      },
    }),
  }
}

function personOf(part: Untrusted): Person | undefined {
  const phone = digitsOf(part.from)
  const name = textIn(part, 'name')
  if (phone === undefined) return undefined
  return { identities: [{ kind: 'phone', value: phone }], ...(name !== undefined && { name }) }
}

function timeOf(part: Untrusted): Date | undefined {
  const time = Date.parse(textIn(part, 'at') ?? '')
  return Number.isFinite(time) ? new Date(time) : undefined
}
