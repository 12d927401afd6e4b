import type { ProviderAdapter } from '../port.ts'
import { markMessageRead } from './mark-read.ts'
import { fetchCloudMedia } from './media.ts'
import { parseDelivery } from './parse/envelope.ts'
import { refuseMessage, sendable } from './refuse.ts'
import { sendMessage } from './send/send.ts'
import { listTemplates } from './templates.ts'
import { verifyNumber } from './verify.ts'

/** Meta's WhatsApp Business Cloud API. */
export const whatsappCloud: ProviderAdapter = {
  name: 'whatsapp-cloud',
  rules: { window: true, templates: true, sends: sendable },
  parse: parseDelivery,
  refuse: refuseMessage,
  send: sendMessage,
  markRead: markMessageRead,
  fetchMedia: fetchCloudMedia,
  verify: verifyNumber,
  listTemplates,
}
