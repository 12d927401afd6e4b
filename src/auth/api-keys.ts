import { createHash, randomBytes } from 'node:crypto'

/** Keys look like `sb_` and 43 characters of base64url (256 bits). */
const shape = /^sb_[A-Za-z0-9_-]{43}$/

interface MadeKey {
  readonly key: string
  /** How it begins, to tell keys apart. */
  readonly prefix: string
  readonly hash: Buffer
}

export const makeApiKey = (): MadeKey => makeSecret('sb_')

/** 256 random bits behind a word that says what they are for. */
export function makeSecret(word: string): MadeKey {
  const key = `${word}${randomBytes(32).toString('base64url')}`
  return { key, prefix: key.slice(0, 11), hash: hashApiKey(key) }
}

export function isApiKey(credential: string): boolean {
  return shape.test(credential)
}

/** A plain SHA-256 is enough: the key is 256 random bits, not a password. */
export function hashApiKey(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}
