import { retryAfterMs } from '../http-call.ts'
import type { ProviderError } from '../inbound.ts'
import type { ProviderIo, SendOutcome } from '../port.ts'
import { inner, recordOf } from '../untrusted.ts'
import { errorObject } from './error-object.ts'
import type { GraphCall } from './graph.ts'
import { type ErrorRule, ruleFor } from './retry-table.ts'

type Failed = Exclude<SendOutcome, { kind: 'accepted' }>

/** The network could not be reached at all: the other messages of the number would fare no better. */
const unreachableRetryMs = 15_000
const transientRetryMs = 10_000
const tooManyRetryMs = 30_000
const hourMs = 3_600_000

/**
 * What a call that was no success means. `wroteMessage` says whether the request would have sent something: an upload that
 * broke off has not, so it is tried again, while a send that broke off is unknown.
 */
export function failureOf(call: GraphCall, io: Pick<ProviderIo, 'now'>, wroteMessage: boolean): Failed {
  switch (call.kind) {
    case 'no-token':
      return { kind: 'refused', error: noToken, stopChannel: true }
    case 'not-sent':
      return {
        kind: 'later',
        afterMs: unreachableRetryMs,
        scope: 'channel',
        error: ours('provider_unreachable', 'The network cannot be reached', call.reason, true),
      }
    case 'lost': {
      const error = ours('no_answer', 'The network did not answer', call.reason, !wroteMessage)
      return broken(error, wroteMessage)
    }
    case 'answer':
      return answerFailure(call, io, wroteMessage)
  }
}

/** An answer of success that does not say what it should (no id, no JSON): something happened, nobody knows what. */
export function unclearAnswer(status: number, wroteMessage: boolean): Failed {
  const detail = `status ${status} without the expected JSON`
  return broken(
    ours('unclear_answer', 'The network gave an unclear answer', detail, !wroteMessage),
    wroteMessage,
  )
}

/** A refusal that we can tell without asking the network. */
export function refusedHere(detail: string): Failed {
  return {
    kind: 'refused',
    error: ours('validation_failed', 'The message cannot be sent like this', detail, false),
    stopChannel: false,
  }
}

function answerFailure(
  call: Extract<GraphCall, { kind: 'answer' }>,
  io: Pick<ProviderIo, 'now'>,
  wroteMessage: boolean,
): Failed {
  const body = inner(recordOf(call.json), 'error')
  const { code, subcode, transient, error } = errorObject(body ?? {})
  const rule = code === undefined ? undefined : ruleFor(code, subcode)
  const asked = retryAfterMs(call.headers, io.now())
  if (rule !== undefined) return byRule(rule, error, asked, io.now())
  if (call.status >= 500 || call.status < 400) return unclearAnswer(call.status, wroteMessage)
  const unlisted =
    body === undefined
      ? ours(
          `http_${call.status}`,
          'The network refused the request',
          `status ${call.status} without a reason`,
          false,
        )
      : error
  if (call.status === 429) {
    const afterMs = Math.max(asked ?? 0, tooManyRetryMs)
    return { kind: 'later', afterMs, scope: 'channel', error: { ...unlisted, retryable: true } }
  }
  if (call.status === 408) return broken(unlisted, wroteMessage)
  if (transient) {
    const afterMs = Math.max(asked ?? 0, transientRetryMs)
    return { kind: 'later', afterMs, scope: 'message', error: { ...unlisted, retryable: true } }
  }
  return { kind: 'refused', error: unlisted, stopChannel: call.status === 401 }
}

function byRule(rule: ErrorRule, error: ProviderError, askedMs: number | undefined, now: Date): Failed {
  if (rule.class !== 'retry') return { kind: 'refused', error, stopChannel: rule.stopsChannel }
  const restOfHourMs = rule.untilNextHour ? hourMs - (now.getTime() % hourMs) : 0
  return {
    kind: 'later',
    afterMs: Math.max(rule.afterMs, restOfHourMs, askedMs ?? 0),
    scope: rule.scope,
    error,
  }
}

function broken(error: ProviderError, wroteMessage: boolean): Failed {
  return wroteMessage
    ? { kind: 'unknown', error: { ...error, retryable: false } }
    : { kind: 'later', afterMs: transientRetryMs, scope: 'message', error: { ...error, retryable: true } }
}

const noToken = ours(
  'no_token',
  'The channel has no usable access token',
  'set the access token of the channel',
  false,
)

function ours(code: string, title: string, detail: string, retryable: boolean): ProviderError {
  return { code, title, detail, retryable }
}
