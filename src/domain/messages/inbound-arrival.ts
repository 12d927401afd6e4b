import type { InboundIdentityChange, InboundMessage } from '../../providers/inbound.ts'

/** A message as it came in, or a happening that is shown like one. */
export interface Arrival {
  readonly message: Omit<InboundMessage, 'kind' | 'providerMessageId'> & {
    /** Null for happenings that have no id on the network; those are told apart by their delivery only. */
    readonly providerMessageId: string | null
  }
  /** The delivery that holds it, for the bytes of files that came with it. */
  readonly inboxId: number
  readonly receivedAt: Date
}

/** The line in a conversation that tells of a changed number, a changed security code, or people who joined a group. */
export function lineOf(change: InboundIdentityChange, text: string): Arrival['message'] {
  return {
    direction: 'in',
    origin: 'live',
    providerMessageId: change.providerMessageId ?? null,
    at: change.at,
    chat: change.person,
    type: 'system',
    text,
    payload: change.payload,
    opensWindow: change.opensWindow,
  }
}

/** Nobody has to do anything about it: it neither opens a conversation again nor makes one live nor counts as unread. */
export function isQuiet({ message }: Arrival): boolean {
  return message.origin === 'history' || (message.type === 'system' && !message.opensWindow)
}

/** The network sends this first for a file of an imported message, and later the message again with the file. */
export function isPlaceholder(payload: Readonly<Record<string, unknown>>): boolean {
  return payload.event === 'placeholder'
}

/** Clocks of networks may run ahead of ours by this much; what is further in the future came just now. */
const clockSlackMs = 60_000

/** When it was written, by the network's clock. */
export function sentAt({ message, receivedAt }: Arrival): Date {
  return message.at.getTime() > receivedAt.getTime() + clockSlackMs ? receivedAt : message.at
}
