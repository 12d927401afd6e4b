import { type HttpCall, retryAfterMs } from '../http-call.ts'
import type { ProviderError } from '../inbound.ts'
import type { SendOutcome } from '../port.ts'
import { clean, field, inner, listOf, recordOf, textIn } from '../untrusted.ts'
import { identitiesOf } from './parse/jid.ts'
import type { EvolutionServer } from './server.ts'

const unreachableRetryMs = 15_000
const offlineRetryMs = 30_000
const busyRetryMs = 60_000

/** What the server says about a refusal, in every form that it has (section 16). */
export interface Complaint {
  readonly words: string
  readonly isLicence: boolean
  /** The number has no WhatsApp. */
  readonly isUnknownNumber: boolean
}

/** Collects `response.message`: a string, an array, arrays in an array, objects about numbers. Keys are struck out. */
export function complaintOf(json: unknown, server: Pick<EvolutionServer, 'apiKey'>): Complaint {
  const body = recordOf(json)
  const words: string[] = []
  let isUnknownNumber = false
  const collect = (part: unknown, levels: number): void => {
    if (typeof part === 'string' && part !== '') words.push(part)
    else if (Array.isArray(part) && levels > 0)
      for (const item of part.slice(0, 10)) collect(item, levels - 1)
    else if (field(recordOf(part), 'exists') === false) isUnknownNumber = true
  }
  collect(field(inner(body, 'response'), 'message') ?? field(body, 'message') ?? field(body, 'error'), 4)
  return {
    words: clean(words.join('; ')).replaceAll(server.apiKey, '***').slice(0, 500),
    isLicence: textIn(body, 'code') === 'LICENSE_REQUIRED',
    isUnknownNumber,
  }
}

/**
 * What a call means for a send. Certain refusals are `refused`; a session that is offline, or a server that cannot be
 * reached, is `later`; everything after which WhatsApp may have the message is `unknown`.
 */
export function outcomeOf(
  call: HttpCall,
  server: EvolutionServer,
  now: Date,
  ownId: string | undefined,
): SendOutcome {
  const unknown = (error: ProviderError): SendOutcome => ({
    kind: 'unknown',
    error,
    ...(ownId === undefined ? {} : { providerMessageId: ownId }),
  })
  if (call.kind === 'not-sent') {
    const error = failure('provider_unreachable', 'The Evolution server cannot be reached', call.reason, true)
    return { kind: 'later', afterMs: unreachableRetryMs, scope: 'channel', error }
  }
  if (call.kind === 'lost') {
    return unknown(
      failure('provider_unreachable', 'The answer of the Evolution server was lost', call.reason, false),
    )
  }
  const { status } = call
  if (status === 200 || status === 201) return accepted(call.json) ?? unknown(withoutId(status))
  const complaint = complaintOf(call.json, server)
  const detail = complaint.words === '' ? `the server answered ${status}` : complaint.words
  if (complaint.isLicence) return stopped('LICENSE_REQUIRED', 'The Evolution server has no licence', detail)
  if (status === 401 || status === 403)
    return stopped(String(status), 'The Evolution server refuses our key', detail)
  if (status === 404) return stopped('404', 'The instance does not exist on the Evolution server', detail)
  if (status >= 300 && status < 400)
    return stopped(String(status), 'The address of the Evolution server is wrong', detail)
  if (status === 429) {
    const error = failure('429', 'The Evolution server asks us to slow down', detail, true)
    return { kind: 'later', afterMs: retryAfterMs(call.headers, now) ?? busyRetryMs, scope: 'channel', error }
  }
  if (status === 413) return refused('413', 'The file is too large for the Evolution server', detail)
  if (status === 400) return badRequest(complaint, detail, unknown)
  // The one exception of a 500 that says clearly that nothing was done.
  if (/method not available/i.test(complaint.words))
    return refused('500', 'This instance cannot do that', detail)
  return unknown(failure(String(status), 'The Evolution server failed', detail, false))
}

function badRequest(
  complaint: Complaint,
  detail: string,
  unknown: (error: ProviderError) => SendOutcome,
): SendOutcome {
  if (complaint.isUnknownNumber) {
    return refused(
      'contact_unreachable',
      'The number is not on WhatsApp',
      'WhatsApp does not know this number',
    )
  }
  if (/connection closed/i.test(detail)) {
    const error = failure('400', 'The instance is not connected to WhatsApp', detail, true)
    return { kind: 'later', afterMs: offlineRetryMs, scope: 'channel', error }
  }
  // Thrown while sending or while saving what was sent: WhatsApp may have it.
  if (/timed ?out|rate-overlimit|prisma/i.test(detail)) {
    return unknown(failure('400', 'The Evolution server failed while sending', detail, false))
  }
  return refused('400', 'The Evolution server refused the message', detail)
}

function accepted(json: unknown): SendOutcome | undefined {
  const key = inner(recordOf(Array.isArray(json) ? listOf(json)[0] : json), 'key')
  const providerMessageId = textIn(key, 'id')
  if (providerMessageId === undefined) return undefined
  // The server answers with the JID that WhatsApp gave for the number, which can differ from what was dialled.
  const recipient = identitiesOf([field(key, 'remoteJid'), field(key, 'remoteJidAlt')], undefined)
  return { kind: 'accepted', providerMessageId, ...(recipient.length > 0 ? { recipient } : {}) }
}

function withoutId(status: number): ProviderError {
  return failure(
    String(status),
    'The Evolution server did not say under which id it sent',
    'key.id is missing',
    false,
  )
}

export function refused(code: string, title: string, detail: string): SendOutcome {
  return { kind: 'refused', error: failure(code, title, detail, false), stopChannel: false }
}

function stopped(code: string, title: string, detail: string): SendOutcome {
  return { kind: 'refused', error: failure(code, title, detail, false), stopChannel: true }
}

export function failure(code: string, title: string, detail: string, retryable: boolean): ProviderError {
  return { code, title, detail, retryable }
}
