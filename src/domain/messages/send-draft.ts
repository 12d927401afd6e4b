import { Failure } from '../../contract/errors.ts'
import type { MessageType } from '../../contract/message.ts'
import type { SendMessageInput } from '../../contract/socket.ts'

/** A message as somebody wants it, in the shape of docs/messages.md, before anything was looked up. */
export interface Draft {
  readonly type: MessageType
  readonly text: string | null
  readonly payload: Record<string, unknown>
  readonly attachmentId: string | null
  /** Our id of the message that it answers or, for a reaction, that it is about. */
  readonly targetId: string | null
  readonly template: { readonly name: string; readonly language: string } | null
}

const mediaTypes = ['image', 'video', 'audio', 'voice', 'document', 'sticker'] as const
const captioned: ReadonlySet<string> = new Set(['image', 'video', 'document'])
const contentFields = [
  'text',
  'media',
  'template',
  'interactive',
  'location',
  'contacts',
  'reaction',
] as const
type ContentField = (typeof contentFields)[number]

/** The one field that each type needs. */
const needs: Readonly<Record<SendMessageInput['type'], ContentField>> = {
  text: 'text',
  ...(Object.fromEntries(mediaTypes.map((type) => [type, 'media'])) as Record<
    (typeof mediaTypes)[number],
    'media'
  >),
  location: 'location',
  contacts: 'contacts',
  interactive: 'interactive',
  template: 'template',
  reaction: 'reaction',
}

/**
 * What the sender means. A message has exactly the field that its type needs; the caption of a file may stand in
 * `media.caption` or in `text`. Fails with `validation_failed` and JSON pointers.
 */
export function draftOf(input: SendMessageInput, mostCharacters: number): Draft {
  const needed = needs[input.type]
  if (input[needed] === undefined)
    throw invalid(`/${needed}`, `a message of type ${input.type} needs ${needed}`)
  const captionInText = needed === 'media' && captioned.has(input.type) && input.media?.caption === undefined
  for (const field of contentFields) {
    if (field === needed || input[field] === undefined || (field === 'text' && captionInText)) continue
    throw invalid(`/${field}`, `a message of type ${input.type} has no ${field}`)
  }
  if (input.reaction && input.replyTo) throw invalid('/replyTo', 'a reaction answers nothing')
  const draft = contentOf(input)
  if (draft.text !== null && lengthOf(draft.text) > mostCharacters) {
    const pointer = input.text === undefined ? `/${needed}` : '/text'
    throw invalid(pointer, `at most ${mostCharacters} characters`, { limit: mostCharacters })
  }
  if (unstorable.test(JSON.stringify([draft.text, draft.payload])))
    throw invalid('', 'the text holds a character that cannot be stored (a zero byte or half of a pair)')
  return draft
}

/** What JSON.stringify writes for a zero byte and for half of a surrogate pair; an escaped backslash before it is text. */
const unstorable = /(?:^|[^\\])(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/

function contentOf(input: SendMessageInput): Draft {
  const base = {
    type: input.type,
    text: null,
    payload: {},
    attachmentId: null,
    targetId: input.replyTo ?? null,
    template: null,
  } as const
  if (input.media)
    return { ...base, text: input.media.caption ?? input.text ?? null, attachmentId: input.media.id }
  if (input.location) {
    const { latitude, longitude, name, address } = input.location
    const payload = { latitude, longitude, ...(name && { name }), ...(address && { address }) }
    return { ...base, text: name ?? address ?? null, payload }
  }
  if (input.contacts) {
    const names = input.contacts.map((card) => card.name).filter((name) => typeof name === 'string')
    return { ...base, text: names.join(', ') || null, payload: { contacts: input.contacts } }
  }
  if (input.interactive) {
    const body = input.interactive.body as { text?: unknown } | null | undefined
    const text = typeof body?.text === 'string' ? body.text : null
    return { ...base, text, payload: { interactive: input.interactive } }
  }
  if (input.template) {
    const { name, language, components } = input.template
    const template = { name, language, ...(components && { components }) }
    return { ...base, payload: { template }, template: { name, language } }
  }
  if (input.reaction)
    return { ...base, targetId: input.reaction.messageId, payload: { emoji: input.reaction.emoji } }
  return { ...base, text: input.text ?? null }
}

/** Characters as people count them in code points, not UTF-16 units. */
function lengthOf(text: string): number {
  let length = 0
  for (const _ of text) length += 1
  return length
}

/** `validation_failed` about one place of the request. */
export function invalid(pointer: string, message: string, more: Record<string, unknown> = {}): Failure {
  return new Failure('validation_failed', { errors: [{ in: 'body', pointer, message }], ...more })
}
