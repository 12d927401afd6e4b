import type { DeliveryStatus, InboundMedia, InboundMessage } from '../../inbound.ts'
import { field, inner, instantOf, present, textIn, type Untrusted } from '../../untrusted.ts'
import { type Chat, readChat } from './chat.ts'
import { type Found, readContent } from './content.ts'
import type { FilePart } from './content-shape.ts'
import { readContext } from './context.ts'
import { excerpt, isRecord, isTrue, long } from './dialect.ts'
import { readEdit } from './edits.ts'
import type { Scene } from './sink.ts'
import { deliveryStatus } from './status.ts'

/**
 * `messages.upsert`, `send.message` and the elements of `messages.set`: one message each (section 8).
 *
 * What may notify and what opens the window: the server marks messages that it got late (after a reconnect, an outage,
 * a night without power) as "append", but does not pass the mark on, so an old timestamp alone says nothing. A real
 * customer's message that comes hours late must still ring, so every `messages.upsert` of others is `live`; repeats are
 * recognised by their id, and real history comes as `messages.set`, which is `history`. The window is counted from the
 * network's time, so a message older than 24 hours opens none. Who acts alone on a message (a bot) has its time in `at`.
 */
export function readMessage(element: unknown, scene: Scene, isHistory: boolean): void {
  const { sink } = scene
  const data = isRecord(element) ? element : undefined
  const key = inner(data, 'key')
  if (data === undefined || key === undefined) return sink.reject('a message without key', element)
  const chat = readChat(key, data, scene.own)
  if (chat.kind === 'ignored') return sink.ignore(chat.why)
  const id = textIn(key, 'id')
  if (chat.kind === 'invalid') return sink.reject(chat.why, data)
  if (id === undefined) return sink.reject('a message without key.id', data)
  const wrapped = inner(data, 'message')
  if (wrapped === undefined) return sink.ignore('a message without content that the server could read')
  const found = readContent(wrapped, data)
  if (found.kind === 'nothing') return sink.ignore(found.why)
  if (found.kind === 'edit') return readEdit(found.protocol, scene)
  const at = instantOf(long(field(data, 'messageTimestamp'))) ?? scene.receivedAt
  const fromUs = isTrue(key, 'fromMe')
  if (found.kind === 'reaction') return addReaction(found.reaction, { id, chat, at, fromUs }, scene)
  sink.add(messageItem(found, { id, chat, at, fromUs, key, data, wrapped, isHistory }, scene))
}

interface Head {
  readonly id: string
  readonly chat: Extract<Chat, { kind: 'chat' }>
  readonly at: Date
  readonly fromUs: boolean
}

interface Whole extends Head {
  readonly key: Untrusted
  readonly data: Untrusted
  readonly wrapped: Untrusted
  readonly isHistory: boolean
}

const windowMs = 24 * 3_600_000

function messageItem(
  found: Extract<Found, { kind: 'content' | 'unsupported' }>,
  whole: Whole,
  scene: Scene,
): InboundMessage {
  const { chat, sender } = whole.chat
  const context = readContext(whole.data, found.message)
  const content = found.kind === 'content' ? found.content : undefined
  const replyTo = content?.answers ?? context.quotedId
  const status = whole.fromUs ? deliveryStatus(field(whole.data, 'status')) : undefined
  return {
    kind: 'message',
    direction: whole.fromUs ? 'out' : 'in',
    origin: whole.isHistory ? 'history' : whole.fromUs ? 'echo' : 'live',
    providerMessageId: whole.id,
    at: whole.at,
    chat,
    ...(sender === undefined ? {} : { sender }),
    type: content?.type ?? 'unsupported',
    text: content?.text ?? null,
    payload: {
      ...(content === undefined && found.kind === 'unsupported' ? { what: found.what } : content?.payload),
      ...context.payload,
      ...(sender === undefined ? {} : { participant: sender }),
    },
    ...(content?.file === undefined ? {} : { media: mediaOf(content.file, whole) }),
    ...(replyTo === undefined ? {} : { replyTo: { providerMessageId: replyTo } }),
    opensWindow:
      !whole.fromUs && !whole.isHistory && scene.receivedAt.getTime() - whole.at.getTime() <= windowMs,
    ...(isDelivery(status) ? { status } : {}),
    ...(found.kind === 'unsupported' ? { raw: excerpt(found.message) } : {}),
  }
}

/** `ref` is what src/providers/evolution/fetch-media.ts asks with. */
function mediaOf(file: FilePart, whole: Whole): InboundMedia {
  const { source, ...described } = file
  const inlineBase64 = inlineOf(field(whole.wrapped, 'base64'))
  return {
    ...described,
    ref: present({
      key: present({
        id: whole.id,
        remoteJid: textIn(whole.key, 'remoteJid'),
        fromMe: whole.fromUs,
        participant: textIn(whole.key, 'participant'),
      }),
      message: source,
      mediaUrl: textIn(whole.wrapped, 'mediaUrl'),
    }),
    ...(inlineBase64 === undefined ? {} : { inlineBase64 }),
  }
}

/**
 * The server writes bare base64; some forks put a data URL there. What is none would become a broken file, and is fetched like
 * one that did not come along.
 */
function inlineOf(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  const base64 = value.startsWith('data:') ? value.slice(value.indexOf(',') + 1) : value
  return /^[\w+/=\s-]+$/.test(base64) ? base64 : undefined
}

function addReaction(reaction: Untrusted, head: Head, scene: Scene): void {
  const target = textIn(inner(reaction, 'key'), 'id')
  if (target === undefined) return scene.sink.reject('a reaction without target', reaction)
  const { chat, sender } = head.chat
  scene.sink.add({
    kind: 'reaction',
    at: head.at,
    providerMessageId: head.id,
    targetProviderMessageId: target,
    emoji: textIn(reaction, 'text') ?? null,
    chat,
    ...(sender === undefined ? {} : { sender }),
    direction: head.fromUs ? 'out' : 'in',
  })
}

function isDelivery(status: string | undefined): status is DeliveryStatus {
  return status !== undefined && status !== 'queued'
}
