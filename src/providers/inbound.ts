import type { MessageType } from '../contract/message.ts'

/**
 * What outside networks tell us, in our words: people, messages, what became of messages, and news about numbers. Adapters
 * make it of webhooks (port.ts, `parse`); the domain decides what it means.
 */

/**
 * `phone` and `wa_id` are digits without "+", `bsuid`/`parent_bsuid` any non-empty string, `lid` the digits before
 * "@lid", `group` the whole JID, `username` without "@" and lower-case (shown, never a key).
 */
export type IdentityKind = 'phone' | 'wa_id' | 'bsuid' | 'parent_bsuid' | 'lid' | 'group' | 'username'
export interface Identity {
  readonly kind: IdentityKind
  readonly value: string
}

export interface Person {
  readonly identities: readonly Identity[]
  /** Profile name as the network gives it; undefined when it gives none or one that must not be used. */
  readonly name?: string
}

/** A file that the network holds for us. `ref` is what `fetchMedia` needs, opaque to everybody else (stored as JSON). */
export interface InboundMedia {
  readonly ref: Record<string, unknown>
  /** Without parameters, lower-case. */
  readonly mimeType: string
  /** 64 lower-case hex digits; left out when the network gives another form. */
  readonly sha256?: string
  readonly sizeBytes?: number
  readonly fileName?: string
  /** Bytes that already came with the webhook, base64. */
  readonly inlineBase64?: string
}

interface InboundBase {
  /** The network's time of the fact. */
  readonly at: Date
}

/**
 * A message in a conversation. `chat` is whom the conversation is with (for a group: the group), `sender` who wrote it
 * when that is somebody else (a group's participant). `direction: 'out'` is a message that our side wrote elsewhere:
 * the paired phone, the WhatsApp Business app, another tool.
 */
export interface InboundMessage extends InboundBase {
  readonly kind: 'message'
  readonly direction: 'in' | 'out'
  /** `live` may notify, open windows and wake bots; `echo` (our side, elsewhere) and `history` (imported) may not. */
  readonly origin: 'live' | 'echo' | 'history'
  readonly providerMessageId: string
  readonly chat: Person
  readonly sender?: Person
  readonly type: MessageType
  readonly text: string | null
  readonly payload: Record<string, unknown>
  readonly media?: InboundMedia
  readonly replyTo?: { readonly providerMessageId: string }
  /** Whether it opens or renews the customer service window. */
  readonly opensWindow: boolean
  /** Set for an echo or imported message whose status the network told us. */
  readonly status?: DeliveryStatus
  /** The part of the body it came from, kept when `type` is unsupported. */
  readonly raw?: unknown
}

export type DeliveryStatus = 'sent' | 'delivered' | 'read' | 'played' | 'failed'

/** What became of a message that we (or another tool of ours) sent. */
export interface InboundStatus extends InboundBase {
  readonly kind: 'status'
  readonly providerMessageId: string
  readonly status: DeliveryStatus
  /** Our own message id, when the network echoes it. */
  readonly ourMessageId?: string
  readonly recipient?: Person
  readonly error?: ProviderError
  readonly pricing?: Record<string, unknown>
  readonly conversation?: Record<string, unknown>
  /** A group's participant: then it is not the message's own status. */
  readonly participant?: Person
}

export interface InboundReaction extends InboundBase {
  readonly kind: 'reaction'
  readonly providerMessageId: string
  readonly targetProviderMessageId: string
  /** null takes the reaction back. */
  readonly emoji: string | null
  readonly chat: Person
  readonly sender?: Person
  readonly direction: 'in' | 'out'
}

export interface InboundEdit extends InboundBase {
  readonly kind: 'edit'
  readonly providerMessageId: string
  readonly targetProviderMessageId: string
  readonly chat?: Person
  /** Whose side did it; undefined when the network does not say. */
  readonly direction?: 'in' | 'out'
  readonly text: string | null
  readonly type?: MessageType
  readonly payload?: Record<string, unknown>
}

export interface InboundRevoke extends InboundBase {
  readonly kind: 'revoke'
  readonly targetProviderMessageId: string
  readonly chat?: Person
  /** Whose side did it; undefined when the network does not say. */
  readonly direction?: 'in' | 'out'
}

/**
 * Something happened around a person: they opened the chat for the first time, changed their number or security code.
 * `text` becomes a line in the conversation when not null; `join` lists identities that are now known to be one person
 * (the first ones are the older); `leave` identities that no longer belong to them.
 */
export interface InboundIdentityChange extends InboundBase {
  readonly kind: 'identity'
  readonly providerMessageId?: string
  readonly person: Person
  readonly join: readonly Identity[]
  readonly leave: readonly Identity[]
  readonly text: string | null
  readonly payload: Record<string, unknown>
  /** Opens the window without a bubble (`request_welcome`). */
  readonly opensWindow: boolean
}

/** A name or picture the network tells us about a person; never replaces a better one that we have. */
export interface InboundContactUpdate extends InboundBase {
  readonly kind: 'contact'
  readonly person: Person
  readonly pictureUrl?: string
  readonly removed?: boolean
}

/** The network says something about the number itself. Merged into the channel's `health`; `status` only when it changes. */
export interface InboundChannelUpdate extends InboundBase {
  readonly kind: 'channel'
  readonly what: string
  readonly health: Record<string, unknown>
  readonly status?: ChannelStatus
  readonly reason?: string
  /** Of a `restricted` number: it may still answer, it just may not write to anybody first. */
  readonly answersOnly?: boolean
  /** When a restriction ends, as far as the network says so; it will not say so again when it does. */
  readonly until?: Date
}
export type ChannelStatus = 'connecting' | 'connected' | 'disconnected' | 'restricted' | 'blocked' | 'removed'

export interface InboundTemplateUpdate extends InboundBase {
  readonly kind: 'template'
  readonly providerTemplateId: string
  readonly name?: string
  /** `en_US` form. */
  readonly language?: string
  readonly status?: string
  readonly category?: string
  readonly quality?: string
  readonly reason?: string
  /** Components must be read anew from the network. */
  readonly stale?: boolean
  readonly detail: Record<string, unknown>
}

export interface InboundConsent extends InboundBase {
  readonly kind: 'consent'
  readonly person: Person
  readonly category: 'marketing'
  readonly granted: boolean
  readonly detail: string | null
}

/** A sign of life that we use but that is no row of ours: typing of the customer. May be lost. */
export interface InboundPresence extends InboundBase {
  readonly kind: 'presence'
  readonly person: Person
  readonly state: 'available' | 'unavailable' | 'composing' | 'recording' | 'paused'
}

export type InboundItem =
  | InboundMessage
  | InboundStatus
  | InboundReaction
  | InboundEdit
  | InboundRevoke
  | InboundIdentityChange
  | InboundContactUpdate
  | InboundChannelUpdate
  | InboundTemplateUpdate
  | InboundConsent
  | InboundPresence

/** A part of a body that made no sense; its siblings are processed all the same. */
export interface PoisonPart {
  readonly reason: string
  readonly raw: unknown
}

/** `ignored` are parts that we know and do not want (a story, another product), so that "nothing happened" is explained. */
export interface Parsed {
  readonly items: readonly InboundItem[]
  readonly poison: readonly PoisonPart[]
  readonly ignored: readonly string[]
}

/** The network's own words about a refusal. `code` is theirs as text (`131047`), or ours when they gave none. */
export interface ProviderError {
  readonly code: string
  readonly title: string
  readonly detail: string
  readonly retryable: boolean
}
