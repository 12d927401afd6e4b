import type { Readable } from 'node:stream'
import type { MessageType } from '../contract/message.ts'
import type { ChannelStatus, Identity, InboundMedia, Parsed, ProviderError } from './inbound.ts'

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
