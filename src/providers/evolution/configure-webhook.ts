import type { ConnectOutcome, ProviderChannel, ProviderIo } from '../port.ts'
import { complaintOf, failure, outcomeOf } from './outcome.ts'
import { type EvolutionServer, isServer, post, serverOf } from './server.ts'

/** Events that every version knows and without which the hub is blind. */
const coreEvents = [
  'MESSAGES_UPSERT',
  'MESSAGES_UPDATE',
  'MESSAGES_DELETE',
  'SEND_MESSAGE',
  'CONTACTS_UPDATE',
  'CONNECTION_UPDATE',
  'QRCODE_UPDATED',
] as const

/** What we can use. One name that a version does not know makes it refuse the whole list. */
const events = [
  ...coreEvents,
  'MESSAGES_SET',
  'MESSAGES_EDITED',
  'SEND_MESSAGE_UPDATE',
  'CONTACTS_UPSERT',
  'PRESENCE_UPDATE',
  'GROUPS_UPSERT',
  'GROUP_UPDATE',
  'GROUP_PARTICIPANTS_UPDATE',
  'CALL',
  'REMOVE_INSTANCE',
  'LOGOUT_INSTANCE',
  'STATUS_INSTANCE',
] as const

const refusalRetryMs = 30_000

/**
 * Points the instance's webhook at us, with the channel's secret as a header on every delivery. Media stay out of the
 * body (`base64: false`): they are fetched one by one, with limits. A server that does not know one of the events gets
 * the short list.
 */
export async function configureWebhook(
  channel: ProviderChannel,
  webhook: { readonly url: string; readonly secret?: string },
  io: ProviderIo,
): Promise<ConnectOutcome> {
  const server = serverOf(channel, io)
  if (!isServer(server)) return { kind: 'refused', error: server }
  const whole = await set(io, server, webhook, events)
  if (whole.kind !== 'answer' || whole.status !== 400) return outcome(whole, server, io)
  return outcome(await set(io, server, webhook, coreEvents), server, io)
}

function set(
  io: ProviderIo,
  server: EvolutionServer,
  webhook: { readonly url: string; readonly secret?: string },
  names: readonly string[],
) {
  const headers = webhook.secret === undefined ? {} : { headers: { 'x-webhook-secret': webhook.secret } }
  return post(io, server, 'webhook/set', {
    webhook: { enabled: true, url: webhook.url, ...headers, byEvents: false, base64: false, events: names },
  })
}

function outcome(
  call: Awaited<ReturnType<typeof post>>,
  server: EvolutionServer,
  io: ProviderIo,
): ConnectOutcome {
  if (call.kind === 'answer' && (call.status === 200 || call.status === 201)) return { kind: 'connected' }
  if (call.kind === 'answer' && call.status === 400) {
    const { words } = complaintOf(call.json, server)
    return {
      kind: 'refused',
      error: failure('400', 'The Evolution server refused the webhook', words, false),
    }
  }
  const result = outcomeOf(call, server, io.now(), undefined)
  if (result.kind === 'refused') return { kind: 'refused', error: result.error }
  if (result.kind === 'later') return { kind: 'later', afterMs: result.afterMs, error: result.error }
  // Setting a webhook twice does no harm, so what is unknown for a message is just "again" here.
  const error =
    result.kind === 'unknown'
      ? result.error
      : failure('internal', 'The webhook was not set', 'unexpected answer', true)
  return { kind: 'later', afterMs: refusalRetryMs, error: { ...error, retryable: true } }
}
