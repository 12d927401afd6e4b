import { z } from 'zod'

/** What a message is. A provider type we do not know becomes `unsupported` with its raw body kept; it is never dropped. */
export const messageTypes = [
  'text',
  'image',
  'video',
  'audio',
  'voice',
  'document',
  'sticker',
  'location',
  'contacts',
  'interactive',
  'button_reply',
  'list_reply',
  'flow_reply',
  'template',
  'order',
  'reaction',
  'system',
  'call',
  'unsupported',
] as const
export const messageType = z.enum(messageTypes)
export type MessageType = z.infer<typeof messageType>

/**
 * Where a message stands. Inbound messages are `received` for ever. Outbound ones climb
 * queued < sending < sent < delivered < read < played and never fall back; `failed` and `unknown` are left
 * again only by a later status of the provider. `sending` is reserved for clients that show their own attempt:
 * the server keeps a message `queued` until the outcome of the attempt is known.
 */
export const messageStatuses = [
  'received',
  'queued',
  'sending',
  'sent',
  'delivered',
  'read',
  'played',
  'failed',
  'unknown',
] as const
export const messageStatus = z.enum(messageStatuses)
export type MessageStatus = z.infer<typeof messageStatus>

export const authorKinds = ['contact', 'agent', 'bot', 'system', 'phone', 'campaign', 'api'] as const
/** Who wrote it. `phone` is a human on the paired phone or the WhatsApp Business app, not one of our users. */
export const author = z.strictObject({
  kind: z.enum(authorKinds),
  id: z.string().optional(),
  name: z.string().optional(),
})

export const mediaStates = ['pending', 'stored', 'failed', 'expired'] as const
export const mediaView = z.strictObject({
  id: z.uuid(),
  mimeType: z.string(),
  /** Bytes; null until the file was fetched. */
  sizeBytes: z.number().int().nullable(),
  fileName: z.string().optional(),
  state: z.enum(mediaStates),
  /** Why the file is missing, when `state` is failed or expired. */
  reason: z.string().optional(),
  hasThumbnail: z.boolean().optional(),
})
export type MediaView = z.infer<typeof mediaView>

export const reactionView = z.strictObject({
  emoji: z.string(),
  by: author,
  at: z.iso.datetime(),
})

export const messageErrorView = z.strictObject({
  /** Our code, or the provider's number as text when we have no name for it. */
  code: z.string(),
  title: z.string(),
  detail: z.string(),
  retryable: z.boolean(),
})

/** Kind-specific content: coordinates of a location, cards of a contacts message, rows of a list … See docs/messages.md. */
export const payload = z.record(z.string(), z.unknown())

export const messageView = z.strictObject({
  id: z.uuid(),
  conversationId: z.uuid(),
  /** Position inside the conversation, from 1, without holes. Not the position in the tenant's log. */
  seq: z.number().int(),
  direction: z.enum(['in', 'out']),
  author,
  type: messageType,
  /** Body, caption or title, whatever a human reads first; null when there is none. */
  text: z.string().nullable(),
  payload,
  media: mediaView.optional(),
  /** Our id of the quoted message, or null when it is older than our history (then `providerMessageId` says which). */
  replyTo: z.strictObject({ id: z.uuid().nullable(), providerMessageId: z.string().optional() }).optional(),
  reactions: z.array(reactionView),
  status: messageStatus,
  error: messageErrorView.optional(),
  clientMessageId: z.string().optional(),
  providerMessageId: z.string().optional(),
  editedAt: z.iso.datetime().optional(),
  deletedAt: z.iso.datetime().optional(),
  /** The provider's time, which decides order and the 24-hour window. */
  sentAt: z.iso.datetime(),
  createdAt: z.iso.datetime(),
})
export type MessageView = z.infer<typeof messageView>
