import { field, inner, type Untrusted } from '../../untrusted.ts'
import { isRecord } from './dialect.ts'

/** Envelopes that WhatsApp puts around the content proper (section 9); versions differ in which they remove. */
const wrappers: readonly string[] = [
  'ephemeralMessage',
  'viewOnceMessage',
  'viewOnceMessageV2',
  'viewOnceMessageV2Extension',
  'documentWithCaptionMessage',
  'editedMessage',
  'deviceSentMessage',
  'associatedChildMessage',
  'groupMentionedMessage',
  'groupStatusMessage',
  'groupStatusMessageV2',
  'botInvokeMessage',
  'lottieStickerMessage',
]

export interface Unwrapped {
  readonly message: Untrusted
  readonly viewOnce: boolean
  /** The content stood inside `editedMessage`: it replaces an earlier one. */
  readonly edited: boolean
}

/** Takes the wrappers off, at most ten (a body can nest without end). */
export function unwrap(message: Untrusted): Unwrapped {
  let content = message
  let viewOnce = false
  let edited = false
  for (let depth = 0; depth < 10; depth++) {
    const wrapper = wrappers.find((name) => isRecord(field(inner(content, name), 'message')))
    if (wrapper === undefined) break
    if (wrapper.startsWith('viewOnce')) viewOnce = true
    if (wrapper === 'editedMessage') edited = true
    content = inner(inner(content, wrapper), 'message') ?? content
  }
  return { message: content, viewOnce, edited }
}
