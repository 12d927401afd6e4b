import type { MessageType } from '../../../contract/message.ts'
import type { Untrusted } from '../../untrusted.ts'

/** A file as the content describes it; the message adds its key to make it fetchable. */
export interface FilePart {
  readonly mimeType: string
  readonly sha256?: string
  readonly sizeBytes?: number
  readonly fileName?: string
  /** The smallest message from which the server can fetch the file when it does not keep messages. */
  readonly source: Untrusted
}

/** One content variant in our words (docs/messages.md). */
export interface Content {
  readonly type: MessageType
  readonly text: string | null
  readonly payload: Readonly<Record<string, unknown>>
  readonly file?: FilePart
  /** Message this one answers by its nature (a vote answers its poll). */
  readonly answers?: string
}

/** What lies around a content variant and is needed to understand some of them. */
export interface Around {
  /** The content key: `imageMessage`. */
  readonly name: string
  readonly message: Untrusted
  readonly data: Untrusted
  readonly viewOnce: boolean
}

/** Reads one variant; null when it does not hold what it should. */
export type ContentReader = (part: Untrusted, around: Around) => Content | null

/** Text lines below one another; null when there are none. */
export function lines(...parts: (string | undefined)[]): string | null {
  const filled = parts.filter((part) => part !== undefined)
  return filled.length === 0 ? null : filled.join('\n')
}
