import { createHash, randomBytes, randomInt } from 'node:crypto'
import type { DrawnFile } from './draw-file.ts'
import { noSuchObject } from './graph-refusal.ts'

interface KeptFile extends DrawnFile {
  readonly sha256: Buffer
}

/** Meta keeps files for weeks; a simulator that runs for weeks must not. The oldest goes first. */
const mostFiles = 2_000
/** How long a download address lives (reference 10). */
const addressMs = 5 * 60_000

/** Files at Meta, by media id: those that customers send and those that the hub uploads. */
export class MediaFiles {
  readonly #files = new Map<string, KeptFile>()
  readonly #addresses = new Map<string, { mediaId: string; untilMs: number }>()

  add(file: DrawnFile): { id: string; sha256: string } {
    const id = String(10 ** 14 + randomInt(2 ** 47))
    const sha256 = createHash('sha256').update(file.bytes).digest()
    this.#files.set(id, { ...file, sha256 })
    for (const oldest of this.#files.keys()) {
      if (this.#files.size <= mostFiles) break
      this.#files.delete(oldest)
    }
    return { id, sha256: sha256.toString('base64') }
  }

  has(id: string): boolean {
    return this.#files.has(id)
  }

  /** What the lookup of a media id answers, with a fresh address under `base`. */
  lookUp(id: string, base: string): Record<string, string> {
    const file = this.#files.get(id)
    if (file === undefined) throw noSuchObject('GET', id)
    const nowMs = Date.now()
    for (const [hash, { untilMs }] of this.#addresses) if (untilMs < nowMs) this.#addresses.delete(hash)
    const hash = randomBytes(16).toString('base64url')
    this.#addresses.set(hash, { mediaId: id, untilMs: nowMs + addressMs })
    return {
      messaging_product: 'whatsapp',
      url: `${base}/whatsapp_business/attachments/?mid=${id}&hash=${hash}`,
      mime_type: file.mimeType,
      sha256: file.sha256.toString('hex'),
      file_size: String(file.bytes.byteLength),
      id,
    }
  }

  /** The file behind an address; undefined when the address has run out or never was. */
  behind(hash: string): DrawnFile | undefined {
    const address = this.#addresses.get(hash)
    if (address === undefined || address.untilMs < Date.now()) return undefined
    return this.#files.get(address.mediaId)
  }

  remove(id: string): void {
    if (!this.#files.delete(id)) throw noSuchObject('DELETE', id)
  }
}
