import { type ErrorCode, errors } from '../../contract/errors.ts'
import type { Operation } from '../operations.ts'

/** What reading JSON and a query can fail with. */
const ofReading = [
  'validation_failed',
  'malformed_json',
  'unsupported_media_type',
  'payload_too_large',
] as const

/** What the door, the limits and the servers behind us can answer to whoever comes in. */
const ofTheDoor = [
  'unauthorized',
  'token_expired',
  'user_disabled',
  'tenant_suspended',
  'account_inactive',
  'usertype_denied',
  'business_unknown',
  'forbidden',
  'rate_limited',
  'unavailable',
] as const

/**
 * Every code that an operation can fail with, in the order of the catalogue: its own, and those that follow from how it is
 * reached. A path that nobody serves (404), or not by that method (405), is no operation.
 */
export function errorCodesOf(operation: Operation): readonly ErrorCode[] {
  const codes = new Set<ErrorCode>(['internal', ...operation.errors])
  const add = (more: readonly ErrorCode[]) => {
    for (const code of more) codes.add(code)
  }
  if (operation.action !== 'public') {
    add(ofTheDoor)
    add(ofReading)
    if (operation.method !== 'get') add(['origin_denied'])
    if (Object.keys(operation.params).length > 0) add(['not_found'])
    if (takesKey(operation)) add(['idempotency_key_reused'])
  } else if (operation.body !== null) add([...ofReading, 'unavailable'])
  return (Object.keys(errors) as ErrorCode[]).filter((code) => codes.has(code))
}

/** Whether the answer to this is kept under an Idempotency-Key. */
export function takesKey({ keyed, method }: Operation): boolean {
  return keyed && method === 'post'
}

/** Whether it can be asked to happen only to a version of a record. */
export function takesVersion({ errors: own }: Operation): boolean {
  return own.includes('precondition_failed')
}
