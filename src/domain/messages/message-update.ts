import type { InboundEdit, InboundReaction, InboundRevoke, InboundStatus } from '../../providers/inbound.ts'
import type { MessageRow } from './message-row.ts'

/** What a network says about a message that is there already. */
export type MessageUpdate = InboundStatus | InboundReaction | InboundEdit | InboundRevoke

/** Such news and the message it is about, locked. Whatever the news changes is changed in the row, too. */
export interface News<Update extends MessageUpdate> {
  readonly update: Update
  readonly message: MessageRow
}

/** The network's id of the message that it is about. */
export function targetOf(update: MessageUpdate): string {
  return update.kind === 'status' ? update.providerMessageId : update.targetProviderMessageId
}
