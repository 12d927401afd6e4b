import type { MessageType } from '../../contract/message.ts'
import type { ProviderAdapter } from '../port.ts'
import { textIn } from '../untrusted.ts'
import { parseFakeDelivery } from './parse.ts'
import { fetchFakeMedia, markFakeRead, sendFake, verifyFake } from './calls.ts'

const sends: ReadonlySet<MessageType> = new Set<MessageType>([
  'text',
  'image',
  'video',
  'audio',
  'voice',
  'document',
  'sticker',
  'location',
  'contacts',
  'interactive',
  'template',
  'reaction',
])
const longestText = 4096

/**
 * A network for tests and benches: a real adapter over HTTP with the smallest protocol that has everything the port knows,
 * so that what is measured is us and not a dialect. `settings.number` names the number, `settings.baseUrl` the server,
 * `secrets.apiKey` opens it. Protocol: see calls.ts and parse.ts.
 */
export const fake: ProviderAdapter = {
  name: 'fake',
  rules: { window: true, templates: true, sends },
  parse: parseFakeDelivery,
  refuse({ type, text, payload }) {
    if (!sends.has(type)) return `The fake network cannot send a message of type ${type}.`
    if (type === 'text' && (text === null || text.trim() === '')) return 'A text message needs a text.'
    if (text !== null && text.length > longestText)
      return `The text is longer than ${longestText} characters.`
    if (type === 'reaction' && textIn(payload, 'targetProviderMessageId') === undefined) {
      return 'A reaction needs the message that it is about.'
    }
    return null
  },
  send: sendFake,
  markRead: markFakeRead,
  fetchMedia: fetchFakeMedia,
  verify: verifyFake,
}
