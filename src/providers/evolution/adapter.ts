import type { ProviderAdapter } from '../port.ts'
import { configureWebhook } from './configure-webhook.ts'
import { fetchMedia } from './fetch-media.ts'
import { markRead } from './mark-read.ts'
import { parse } from './parse/parse.ts'
import { refuse, sends } from './refuse.ts'
import { send } from './send.ts'
import { verify } from './verify.ts'

/**
 * Numbers paired with the Evolution API, versions 1.x to 2.4. It is not an official channel: there are no approved
 * templates, there is no 24-hour window, and WhatsApp may drop the session or ban the number.
 */
export const evolution: ProviderAdapter = {
  name: 'evolution',
  rules: { window: false, templates: false, sends },
  parse,
  refuse,
  send,
  markRead,
  fetchMedia,
  verify,
  connect: configureWebhook,
}
