import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'

const algorithm = 'aes-256-gcm'
const saltBytes = 16
const nonceBytes = 12
const tagBytes = 16
const headBytes = saltBytes + nonceBytes
/** Senders whose keys are kept; each process that starts is a new one. */
const mostKeys = 256

/** Makes text unreadable and unforgeable for whoever does not have the key of this installation. */
export interface Seal {
  /** Bytes that only `open` with the same key and the same `about` turns back. */
  close(text: string, about: string): Buffer
  /** The text; undefined for anything that was not closed so, whatever it is. */
  open(sealed: Buffer, about: string): string | undefined
}

/**
 * AES-256-GCM. Each process seals with a key of its own, derived (HKDF) from the installation's key and a random salt
 * that goes along, and counts its nonces: so a nonce never comes twice under one key, however many bells there are, and
 * nobody has to agree on anything. Costs about 6 µs for 700 bytes, each way.
 */
export function sealOf(keyInBase64: string): Seal {
  const master = Buffer.from(keyInBase64, 'base64')
  const derive = (salt: Buffer): KeyObject =>
    createSecretKey(Buffer.from(hkdfSync('sha256', master, salt, 'doorbell', 32)))
  const salt = randomBytes(saltBytes)
  const ownKey = derive(salt)
  const keys = new Map<string, KeyObject>([[salt.toString('latin1'), ownKey]])
  let sealedSoFar = 0

  const keyFor = (theirs: Buffer): KeyObject => {
    const name = theirs.toString('latin1')
    let key = keys.get(name)
    if (!key) {
      key = derive(theirs)
      if (keys.size >= mostKeys) keys.delete(keys.keys().next().value as string)
      keys.set(name, key)
    }
    return key
  }

  return {
    close: (text, about) => {
      const nonce = Buffer.alloc(nonceBytes)
      nonce.writeUIntBE(++sealedSoFar, nonceBytes - 6, 6)
      const cipher = createCipheriv(algorithm, ownKey, nonce, { authTagLength: tagBytes }).setAAD(
        Buffer.from(about),
      )
      const body = [cipher.update(text, 'utf8'), cipher.final()]
      return Buffer.concat([salt, nonce, ...body, cipher.getAuthTag()])
    },
    open: (sealed, about) => {
      if (sealed.length < headBytes + tagBytes) return undefined
      const tagAt = sealed.length - tagBytes
      try {
        const decipher = createDecipheriv(
          algorithm,
          keyFor(sealed.subarray(0, saltBytes)),
          sealed.subarray(saltBytes, headBytes),
          { authTagLength: tagBytes },
        )
          .setAAD(Buffer.from(about))
          .setAuthTag(sealed.subarray(tagAt))
        const text = decipher.update(sealed.subarray(headBytes, tagAt))
        // Nothing is left over in this mode; this checks the tag.
        decipher.final()
        return text.toString()
      } catch {
        return undefined
      }
    },
  }
}
