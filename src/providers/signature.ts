import { createHmac, timingSafeEqual } from 'node:crypto'

const form = /^sha256=([0-9a-f]{64})$/

/** Whether a header has the form of a signature at all; one that has not need not be compared with anything. */
export function isSignature(header: string | undefined): header is string {
  return header !== undefined && form.test(header)
}

/**
 * Whether `header` (X-Hub-Signature-256) signs exactly these bytes with this app secret. Only the documented form counts:
 * `sha256=` and 64 lower-case hex digits; anything else, upper case included, is no signature, because Meta never sends it and
 * every tolerated variant is one more thing to reason about. Digests are compared in constant time. An empty secret signs
 * nothing: anybody could compute that signature.
 */
export function signatureFits(rawBody: Uint8Array, header: string | undefined, appSecret: string): boolean {
  const hex = header === undefined ? undefined : form.exec(header)?.[1]
  if (hex === undefined || appSecret === '') return false
  const expected = createHmac('sha256', appSecret).update(rawBody).digest()
  return timingSafeEqual(expected, Buffer.from(hex, 'hex'))
}

/** The header that signs these bytes: what Meta would send. For the simulator and tests. */
export function signatureOf(rawBody: Uint8Array, appSecret: string): string {
  return `sha256=${createHmac('sha256', appSecret).update(rawBody).digest('hex')}`
}
