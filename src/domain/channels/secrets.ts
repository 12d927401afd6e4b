import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import type { Config } from '../../platform/config.ts'

export type EncryptionConfig = Pick<Config, 'ENCRYPTION_KEY'> &
  Partial<Pick<Config, 'ENCRYPTION_KEY_PREVIOUS'>>

/** What a channel must keep to itself: accessToken, appSecret, verifyToken; apiKey, webhookSecret. */
export type ChannelSecrets = Readonly<Record<string, string>>

const formatVersion = 1
const keyIdBytes = 4
const ivBytes = 12
const tagBytes = 16
const headBytes = 1 + keyIdBytes

/**
 * Channel secrets as they lie in the database: version (1 byte), id of the key (4), nonce (12), tag (16), then AES-256-GCM of
 * the JSON. Version and key id are authenticated too. The id of the key is the beginning of its SHA-256, so a row
 * says which key it needs and a second key can be introduced without a flag day.
 */
export function encryptSecrets(config: EncryptionConfig, secrets: ChannelSecrets): Buffer {
  const key = keyFrom(config.ENCRYPTION_KEY)
  const head = Buffer.concat([Buffer.from([formatVersion]), keyId(key)])
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes }).setAAD(head)
  const sealed = Buffer.concat([cipher.update(JSON.stringify(secrets), 'utf8'), cipher.final()])
  return Buffer.concat([head, iv, cipher.getAuthTag(), sealed])
}

/**
 * The secrets of a row. Rows of the previous key are readable while ENCRYPTION_KEY_PREVIOUS is set and move to the
 * present key when they are next written.
 * Fails with a plain error, for the log and not for clients, when the key is not here or the bytes were changed.
 */
export function decryptSecrets(config: EncryptionConfig, sealed: Buffer): ChannelSecrets {
  const head = sealed.subarray(0, headBytes)
  if (sealed.length < headBytes + ivBytes + tagBytes || head[0] !== formatVersion)
    throw new Error('channel secrets are not in a form that this version knows')
  const key = [config.ENCRYPTION_KEY, config.ENCRYPTION_KEY_PREVIOUS]
    .filter((text) => text !== undefined)
    .map(keyFrom)
    .find((candidate) => keyId(candidate).equals(head.subarray(1)))
  if (!key) throw new Error(`channel secrets need the encryption key ${head.subarray(1).toString('hex')}`)
  const iv = sealed.subarray(headBytes, headBytes + ivBytes)
  const tag = sealed.subarray(headBytes + ivBytes, headBytes + ivBytes + tagBytes)
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes })
    .setAAD(head)
    .setAuthTag(tag)
  const text =
    decipher.update(sealed.subarray(headBytes + ivBytes + tagBytes), undefined, 'utf8') +
    decipher.final('utf8')
  return JSON.parse(text) as ChannelSecrets
}

const keyFrom = (base64: string): Buffer => Buffer.from(base64, 'base64')

function keyId(key: Buffer): Buffer {
  return createHash('sha256').update(key).digest().subarray(0, keyIdBytes)
}
