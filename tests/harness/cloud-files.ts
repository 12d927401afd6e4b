import { createHash, randomBytes } from 'node:crypto'
import type { StandIn, StandInAnswer } from './provider-stand-in.ts'

/** What the network does with a question about a file. */
export type FileVerdict = 'give' | 'cut' | 'cut in the middle' | 'stall in the middle' | 'error'

/** A file as the message that brings it announces it. */
export interface CloudFile {
  readonly id: string
  readonly mime_type: string
  /** In base64, as Meta writes it. */
  readonly sha256: string
}

/** The files of customers, which the network keeps for whoever asks with a token. */
export interface CloudFiles {
  hold(bytes: Buffer, mimeType: string): CloudFile
  decideFiles(verdict: () => FileVerdict): void
  /** Digest in hexadecimal digits of what is held under an id of the network. */
  digestOf(id: string): string | undefined
}

const faults: Record<Exclude<FileVerdict, 'give' | 'error'>, NonNullable<StandInAnswer['fault']>> = {
  cut: 'reset',
  'cut in the middle': 'reset-mid-body',
  'stall in the middle': 'stall-mid-body',
}

/** Meta's two steps: the address of a file by its id, then the file; and what we upload to send it. */
export function serveFiles(server: StandIn): CloudFiles {
  const held = new Map<string, { bytes: Buffer; mimeType: string }>()
  let decide: () => FileVerdict = () => 'give'
  const withVerdict = (answer: StandInAnswer): StandInAnswer => {
    const verdict = decide()
    if (verdict === 'error') return { status: 500, json: { error: { message: 'An error', code: 1 } } }
    return verdict === 'give' ? answer : { ...answer, fault: faults[verdict] }
  }
  server.always({
    method: 'GET',
    path: /^\/file-/,
    answer: ({ path }) => {
      const [id = ''] = path.slice(1).split('?')
      const file = held.get(id)
      if (!file) return { status: 404, json: { error: { message: 'does not exist', code: 100 } } }
      return withVerdict({
        json: {
          messaging_product: 'whatsapp',
          id,
          url: `${server.url}/download/${id}`,
          mime_type: file.mimeType,
        },
      })
    },
  })
  server.always({
    method: 'GET',
    path: /^\/download\//,
    answer: ({ path, headers }) => {
      const file = held.get(path.split('/').at(-1) ?? '')
      if (!file || headers['authorization'] !== 'Bearer an-access-token') return { status: 404 }
      return withVerdict({ bytes: file.bytes, headers: { 'content-type': file.mimeType } })
    },
  })
  server.always({
    method: 'POST',
    path: /^\/\d+\/media$/,
    answer: () => withVerdict({ json: { id: `uploaded-${randomBytes(6).toString('hex')}` } }),
  })
  return {
    hold: (bytes, mimeType) => {
      const id = `file-${randomBytes(8).toString('hex')}`
      held.set(id, { bytes, mimeType })
      return { id, mime_type: mimeType, sha256: createHash('sha256').update(bytes).digest('base64') }
    },
    decideFiles: (verdict) => {
      decide = verdict
    },
    digestOf: (id) => {
      const file = held.get(id)
      return file && createHash('sha256').update(file.bytes).digest('hex')
    },
  }
}
