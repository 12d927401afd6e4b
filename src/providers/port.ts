import type { Readable } from 'node:stream'
import type { MessageType } from '../contract/message.ts'

/**
 * The line between us and an outside network. An adapter turns their dialect into ours and ours into theirs, and
 * decides nothing else: no database, no retry, no clock of its own. Parsing is pure; sending answers with an outcome,
 * not an exception, because "did it go out?" has four answers.
 */

export const providerNames = ['whatsapp-cloud', 'evolution', 'fake'] as const
export type ProviderName = (typeof providerNames)[number]

/**
 * What an adapter knows of a channel. `settings` are public (phoneNumberId, wabaId, displayPhoneNumber;
 * instanceName, baseUrl), `secrets` are decrypted just for the call (accessToken, appSecret, verifyToken; apiKey,
 * webhookSecret) and never logged.
 */
export interface ProviderChannel {
  readonly id: string
  readonly provider: ProviderName
  readonly settings: Readonly<Record<string, string>>
  readonly secrets: Readonly<Record<string, string>>
}

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

/** A file to send. `open` may be called more than once (an upload that is tried again). */
export interface OutboundMedia {
  readonly id: string
  readonly mimeType: string
  readonly sizeBytes: number
  readonly fileName?: string
  open(): Promise<Readable>
}

export interface OutboundMessage {
  /** Our message id: travels to the network where it can echo it. */
  readonly id: string
  /** Identities of the recipient, best first; the adapter picks the one it can address. */
  readonly to: readonly Identity[]
  readonly type: MessageType
  readonly text: string | null
  readonly payload: Readonly<Record<string, unknown>>
  readonly media?: OutboundMedia
  readonly replyTo?: {
    readonly providerMessageId: string
    readonly fromUs: boolean
    readonly text: string | null
  }
}

export type SendOutcome =
  | {
      readonly kind: 'accepted'
      readonly providerMessageId: string
      /** Identities that the network told us the recipient has. */
      readonly recipient?: readonly Identity[]
    }
  /** Permanent for this message: show it. `stopChannel` also stops the number's queue until a human acts (class C). */
  | { readonly kind: 'refused'; readonly error: ProviderError; readonly stopChannel: boolean }
  /** Did not go out; no sooner than `afterMs`. `scope` says how much must wait. */
  | {
      readonly kind: 'later'
      readonly afterMs: number
      readonly scope: 'message' | 'pair' | 'channel'
      readonly error: ProviderError
    }
  /** The line died mid-send: it may have gone out. Reconcile, never resend blindly. */
  | {
      readonly kind: 'unknown'
      readonly error: ProviderError
      /** The id it has on the network if it did go out, where we may choose the id: a later echo or status resolves it. */
      readonly providerMessageId?: string
    }

export interface MediaStream {
  readonly kind: 'stream'
  readonly body: Readable
  readonly mimeType?: string
  readonly sizeBytes?: number
  readonly fileName?: string
}
export type MediaFetch =
  | MediaStream
  /** Try again later (a stale address, a busy server). */
  | { readonly kind: 'later'; readonly afterMs: number; readonly reason: string }
  /** The network no longer has it. */
  | { readonly kind: 'gone'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string }

/** What the network says of the number when asked. */
export interface ChannelReport {
  readonly status: ChannelStatus
  readonly health: Record<string, unknown>
  readonly reason?: string
  /** A QR code as a data URL, when the number must be paired. */
  readonly qr?: string
}

/** What an adapter may touch. `timeoutMs` bounds one HTTP call; `mediaHosts` are the only hosts media may come from. */
export interface ProviderIo {
  readonly fetch: typeof fetch
  readonly timeoutMs: number
  readonly now: () => Date
  readonly graphApiUrl: string
  readonly evolutionApiUrl?: string
  readonly evolutionApiKey?: string
  readonly mediaHosts: readonly string[]
}

/** Whether the network now delivers to us. `later` may be tried again as it is. */
export type ConnectOutcome =
  | { readonly kind: 'connected' }
  | { readonly kind: 'refused'; readonly error: ProviderError }
  | { readonly kind: 'later'; readonly afterMs: number; readonly error: ProviderError }

/** A template as the network has it now. */
export interface ListedTemplate {
  readonly providerTemplateId: string
  readonly name: string
  /** `en_US` form. */
  readonly language: string
  readonly status?: string
  readonly category?: string
  readonly quality?: string
  readonly reason?: string
  /** Header, body, footer and buttons in the network's form, as they are shown and filled in. */
  readonly components: readonly unknown[]
  readonly detail: Record<string, unknown>
}

/** A part of the list of templates. `later` may be tried again as it is. */
export type TemplatePage =
  | {
      readonly kind: 'page'
      readonly templates: readonly ListedTemplate[]
      /** Entries that made no sense: then the list cannot say that a template is gone. */
      readonly unreadable: number
      /** Where the list goes on; null at its end. */
      readonly next: string | null
    }
  | { readonly kind: 'refused'; readonly error: ProviderError }
  | { readonly kind: 'later'; readonly afterMs: number; readonly error: ProviderError }

export interface ProviderAdapter {
  readonly name: ProviderName
  /** `window`: free text only within 24 hours of the customer's last message. `templates`: knows approved templates. */
  readonly rules: {
    readonly window: boolean
    readonly templates: boolean
    readonly sends: ReadonlySet<MessageType>
  }
  /** Pure; never throws. The body is parsed JSON of one delivery; parts of other channels are left out. */
  parse(channel: Pick<ProviderChannel, 'settings'>, body: unknown, receivedAt: Date): Parsed
  /**
   * Why this message cannot be sent as it is (limits of the network: lengths, counts, missing parts); null when it can.
   * Type and size of the file are judged when `media` is given.
   */
  refuse(
    message: Pick<OutboundMessage, 'type' | 'text' | 'payload'> & {
      readonly media?: Pick<OutboundMedia, 'mimeType' | 'sizeBytes'>
    },
  ): string | null
  send(channel: ProviderChannel, message: OutboundMessage, io: ProviderIo): Promise<SendOutcome>
  /** Tells the customer that we read up to this message; with `typing`, also that we are writing. */
  markRead(
    channel: ProviderChannel,
    to: { readonly providerMessageId: string; readonly chat: readonly Identity[]; readonly typing: boolean },
    io: ProviderIo,
  ): Promise<SendOutcome>
  fetchMedia(
    channel: ProviderChannel,
    media: Omit<InboundMedia, 'inlineBase64'>,
    io: ProviderIo,
  ): Promise<MediaFetch>
  /**
   * Asks the network about the number. Wrong credentials are a report (`disconnected` with the reason); a network that
   * does not answer says nothing about the number, so that throws the failure `provider_unreachable`.
   */
  verify(channel: ProviderChannel, io: ProviderIo): Promise<ChannelReport>
  /**
   * Tells the network where this channel's webhooks go and with which secret; for networks that are told per channel.
   * Called when a channel is created or its address changes; repeating it does no harm.
   */
  connect?(
    channel: ProviderChannel,
    webhook: { readonly url: string; readonly secret?: string },
    io: ProviderIo,
  ): Promise<ConnectOutcome>
  /** One page of the templates of the number's account, from the beginning or from a `next`; for networks that have them. */
  readonly listTemplates?: (
    channel: ProviderChannel,
    io: ProviderIo,
    after: string | null,
  ) => Promise<TemplatePage>
}
