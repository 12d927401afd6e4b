import { phoneOf } from './jid.ts'
import { field } from '../../untrusted.ts'
import { isRecord } from './dialect.ts'

/** What is left of an envelope once we know that it is for this instance. */
export type Opened =
  | {
      readonly kind: 'event'
      /** Lower-case with dots only: `messages.upsert`, `group.participants.update`. */
      readonly event: string
      readonly data: unknown
      readonly own: string | undefined
    }
  | { readonly kind: 'ignored'; readonly why: string }
  | { readonly kind: 'invalid'; readonly why: string }

/**
 * Opens the envelope of section 5. Not used: `date_time` (the server's wall clock with a false "Z"), `destination`,
 * `server_url` and `apikey` (a credential that must not travel further).
 */
export function openEnvelope(instanceName: string | undefined, body: unknown): Opened {
  if (!isRecord(body)) return { kind: 'invalid', why: 'the body is not an object' }
  const name = field(body, 'event')
  if (typeof name !== 'string' || name === '') return { kind: 'invalid', why: 'the body names no event' }
  const event = normaliseEvent(name)
  if (event === 'error') return { kind: 'ignored', why: "the server's own error report" }
  const instance = field(body, 'instance')
  if (typeof instance !== 'string') return { kind: 'invalid', why: 'the body names no instance' }
  if (instance !== instanceName) return { kind: 'ignored', why: 'the event is for another instance' }
  return { kind: 'event', event, data: field(body, 'data'), own: phoneOf(field(body, 'sender')) }
}

/** `MESSAGES_UPSERT`, `messages.upsert` and `group-participants.update` in one spelling. */
function normaliseEvent(name: string): string {
  return name.slice(0, 100).trim().toLowerCase().replace(/[_-]/g, '.')
}
