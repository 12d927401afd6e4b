import type { MessageType } from '../../../contract/message.ts'
import type { InboundMedia } from '../../inbound.ts'

/** What a message says, in our terms. `raw` is kept when we cannot say it. */
export interface Content {
  readonly type: MessageType
  readonly text: string | null
  readonly payload: Record<string, unknown>
  readonly media?: InboundMedia
  readonly raw?: unknown
}
