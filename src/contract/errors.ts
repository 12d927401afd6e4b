/** What the client should do next. */
export type Then =
  /** The same request can never work. */
  | 'stop'
  /** Change the request and try again. */
  | 'fix'
  /** Get a new token first. */
  | 'sign-in'
  /** Try again later; `retryAfterMs` says when. */
  | 'later'
  /** Forget the position, load a snapshot. */
  | 'resync'
  /** Look at what changed meanwhile, then decide. */
  | 'review'

export interface ErrorEntry {
  readonly http: number
  readonly then: Then
  readonly means: string
}

/**
 * Every error a client can meet, once. The code tells a program what to do next (`then`), `means` tells a human.
 * Three translators use it: src/rest/error-response.ts, gateway/farewell.ts and workers/outcome.ts.
 */
export const errors = {
  // requests
  validation_failed: {
    http: 400,
    then: 'fix',
    means: 'the request does not have the documented shape; see errors[]',
  },
  malformed_json: { http: 400, then: 'fix', means: 'the body is not valid JSON' },
  unsupported_media_type: { http: 415, then: 'fix', means: 'send application/json' },
  payload_too_large: { http: 413, then: 'stop', means: 'the body is larger than the limit' },
  not_found: { http: 404, then: 'stop', means: 'there is no such thing, or you may not see it' },
  method_not_allowed: { http: 405, then: 'fix', means: 'this path does not take that method' },
  conflict: { http: 409, then: 'review', means: 'it clashes with something that exists' },
  precondition_failed: {
    http: 412,
    then: 'review',
    means: 'somebody changed it since you read it; load it again',
  },
  limit_reached: {
    http: 409,
    then: 'stop',
    means: 'the tenant has as many of these as it may; see details.limit',
  },
  last_admin: { http: 409, then: 'stop', means: 'nobody would be left to let people in' },
  idempotency_key_reused: {
    http: 422,
    then: 'fix',
    means: 'this Idempotency-Key was used with another body',
  },
  rate_limited: { http: 429, then: 'later', means: 'too many requests; see retryAfterMs' },
  unknown_command: { http: 400, then: 'fix', means: 'there is no such command' },
  // identity
  unauthorized: { http: 401, then: 'sign-in', means: 'the token is missing or not valid' },
  token_expired: { http: 401, then: 'sign-in', means: 'the token has expired' },
  forbidden: { http: 403, then: 'stop', means: 'your role does not allow this' },
  user_disabled: { http: 403, then: 'stop', means: 'this user is disabled' },
  account_inactive: {
    http: 403,
    then: 'stop',
    means: 'the platform says that this account is not active',
  },
  usertype_denied: {
    http: 403,
    then: 'stop',
    means: 'accounts of this type of the platform may not come in',
  },
  business_unknown: {
    http: 403,
    then: 'stop',
    means: 'the business that this account is linked to is not here; its owner comes in first',
  },
  local_sign_in_off: {
    http: 403,
    then: 'stop',
    means: 'there is no sign-in by password here; sign in at the platform',
  },
  sign_in_failed: { http: 401, then: 'fix', means: 'the e-mail address or the password is wrong' },
  several_tenants: {
    http: 409,
    then: 'fix',
    means: 'this e-mail address and password belong to several tenants; name one of details.tenants',
  },
  sign_in_locked: { http: 429, then: 'later', means: 'too many wrong passwords; see retryAfterMs' },
  tenant_suspended: { http: 403, then: 'stop', means: 'this tenant is suspended' },
  origin_denied: { http: 403, then: 'stop', means: 'this origin is not on the allow-list' },
  signature_invalid: { http: 401, then: 'stop', means: 'the signature of the webhook is missing or wrong' },
  // the socket
  too_many_connections: { http: 429, then: 'later', means: 'too many open connections' },
  protocol_unsupported: {
    http: 400,
    then: 'stop',
    means: 'this client speaks a protocol version that we do not',
  },
  draining: { http: 503, then: 'later', means: 'this instance is going away; connect again' },
  log_position_gone: {
    http: 410,
    then: 'resync',
    means: 'the position is trimmed, of another epoch or from the future',
  },
  // conversations and messages
  already_claimed: {
    http: 409,
    then: 'review',
    means: 'somebody else has this conversation; see details.owner',
  },
  conversation_closed: { http: 409, then: 'review', means: 'the conversation is resolved; reopen it first' },
  window_closed: {
    http: 422,
    then: 'fix',
    means: 'the customer last wrote more than 24 hours ago; only a template may be sent',
  },
  colleague_replied: {
    http: 409,
    then: 'review',
    means: 'there are newer messages than you have seen; look at details.newer, then send with force',
  },
  consent_denied: { http: 422, then: 'stop', means: 'the customer does not want this kind of message' },
  template_not_approved: { http: 422, then: 'fix', means: 'the template does not exist or is not approved' },
  channel_down: { http: 409, then: 'later', means: 'the number is not connected or was stopped' },
  media_not_ready: { http: 409, then: 'later', means: 'the file is not uploaded yet' },
  media_refused: {
    http: 422,
    then: 'fix',
    means: 'the uploaded file is not what was announced; see details.reason',
  },
  media_gone: {
    http: 410,
    then: 'stop',
    means: 'the file could not be fetched from the network; see details.reason',
  },
  contact_blocked: { http: 422, then: 'stop', means: 'this contact is blocked' },
  contact_unreachable: {
    http: 422,
    then: 'stop',
    means: 'the contact has no address that this channel can send to',
  },
  type_unsupported: { http: 422, then: 'fix', means: 'this channel cannot send that type of message' },
  // outcomes of a send
  provider_refused: { http: 502, then: 'fix', means: 'the network refused the message' },
  provider_busy: { http: 503, then: 'later', means: 'the network asked us to slow down; see retryAfterMs' },
  provider_unreachable: { http: 502, then: 'later', means: 'the network did not answer' },
  send_expired: { http: 422, then: 'review', means: 'the message waited too long in the queue' },
  // us
  unavailable: {
    http: 503,
    then: 'later',
    means:
      'a server that we need does not answer; what was asked may have been done: ask again, with the same key',
  },
  internal: { http: 500, then: 'later', means: 'we failed; the request id finds the reason in our log' },
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof errors

/** What goes over a wire about an error: an ack of the socket, the middle of a problem document. Ids only, never secrets. */
export interface ErrorBody {
  code: ErrorCode
  message: string
  then: Then
  details?: Record<string, unknown>
}

/**
 * The one error that use cases throw on purpose. `details` hold ids, limits and times that help the caller decide;
 * they reach the client as they are.
 */
export class Failure extends Error {
  readonly code: ErrorCode
  readonly details: Record<string, unknown>

  constructor(
    code: ErrorCode,
    details: Record<string, unknown> = {},
    options?: { cause?: unknown; message?: string },
  ) {
    super(
      options?.message ?? errors[code].means,
      options?.cause === undefined ? undefined : { cause: options.cause },
    )
    this.name = 'Failure'
    this.code = code
    this.details = details
  }

  toBody(): ErrorBody {
    const body: ErrorBody = { code: this.code, message: this.message, then: errors[this.code].then }
    if (Object.keys(this.details).length > 0) body.details = this.details
    return body
  }
}
