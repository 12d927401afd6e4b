import { readdirSync, readFileSync } from 'node:fs'
import type { MessageType } from '../../src/contract/message.ts'
import type { Identity } from '../../src/providers/inbound.ts'
import type { OutboundMessage, ProviderChannel } from '../../src/providers/port.ts'
import type { StandInPair } from '../harness/provider-stand-in.ts'
import { sampleMedia } from './provider-suite.ts'

const directory = new URL('../fixtures/whatsapp/send/', import.meta.url)
/** Every recorded exchange. */
export const names = readdirSync(directory)
  .filter((name) => name.startsWith('cloud-'))
  .map((name) => name.replace(/\.json$/, ''))
/** One of them. */
export const pairOf = (name: string) =>
  JSON.parse(readFileSync(new URL(`${name}.json`, directory), 'utf8')) as StandInPair & {
    request: { body: Record<string, unknown> }
  }

/** The number that they speak of. */
export const channel: ProviderChannel = {
  id: '0197b6e0-0000-7000-8000-00000000c002',
  provider: 'whatsapp-cloud',
  settings: { phoneNumberId: '106540352242922', wabaId: '102290129340398' },
  secrets: { accessToken: 'EAAG-secret-token', appSecret: 'app-secret' },
}
/** The person whom they go to. */
export const to: Identity[] = [{ kind: 'phone', value: '16505551234' }]
const ourId = '0197b6e0-0000-7000-8000-000000000001'
/** A message of ours. */
export const out = (
  type: MessageType,
  text: string | null,
  more: Partial<OutboundMessage> = {},
): OutboundMessage => ({
  id: ourId,
  to,
  type,
  text,
  payload: {},
  ...more,
})
/** What a message of ours has beside it. */
export const file = (mimeType: string, fileName: string) => ({
  media: sampleMedia(Buffer.from('bytes'), mimeType, fileName),
})
