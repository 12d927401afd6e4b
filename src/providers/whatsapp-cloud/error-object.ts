import type { ProviderError } from '../inbound.ts'
import { field, inner, listOf, numberIn, recordOf, textIn, type Untrusted } from '../untrusted.ts'
import { isRetryable, ruleFor } from './retry-table.ts'

/** An error of Meta, wherever it stood: an HTTP answer, a status, a message or a whole value (reference 14.1). */
export interface ErrorObject {
  /** undefined when there is none: gateways and old payloads. */
  readonly code: number | undefined
  readonly subcode: number | undefined
  readonly transient: boolean
  readonly error: ProviderError
}

/** Reads one error object; never fails, because an error without a code is still an error. */
export function errorObject(record: Untrusted): ErrorObject {
  const code = numberIn(record, 'code')
  const subcode = numberIn(record, 'error_subcode')
  const rule = code === undefined ? undefined : ruleFor(code, subcode)
  const message = (textIn(record, 'message') ?? '').replace(/^\(#\d+\)\s*/, '')
  const title = textIn(record, 'title') ?? (message || rule?.title) ?? 'The network reported an error'
  const detail =
    textIn(inner(record, 'error_data'), 'details') ??
    textIn(record, 'details') ??
    textIn(record, 'error_user_msg') ??
    (message || title)
  const trace = textIn(record, 'fbtrace_id')
  return {
    code,
    subcode,
    transient: field(record, 'is_transient') === true,
    error: {
      code: code === undefined ? 'unknown' : String(code),
      title,
      detail: trace === undefined ? detail : `${detail} (trace ${trace})`,
      retryable: isRetryable(rule),
    },
  }
}

/** All readable errors of a list, in the shape that a message's payload shows. */
export function errorList(value: unknown): { code: string; title: string; detail: string }[] {
  return listOf(value).flatMap((item) => {
    const record = recordOf(item)
    if (record === undefined) return []
    const { code, title, detail } = errorObject(record).error
    return [{ code, title, detail }]
  })
}
