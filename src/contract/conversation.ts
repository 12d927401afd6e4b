import { z } from 'zod'
import { messageView } from './message.ts'

export const conversationStatuses = ['open', 'pending', 'snoozed', 'resolved'] as const
export const conversationStatus = z.enum(conversationStatuses)
export type ConversationStatus = z.infer<typeof conversationStatus>

export const identityView = z.strictObject({
  kind: z.enum(['phone', 'wa_id', 'bsuid', 'parent_bsuid', 'lid', 'group', 'username']),
  value: z.string(),
})
export type IdentityView = z.infer<typeof identityView>

/** The customer service window. `required: false` is a network without one (Evolution): then it is always open. */
export const windowView = z.strictObject({
  required: z.boolean(),
  open: z.boolean(),
  /** null before the customer's first message. */
  expiresAt: z.iso.datetime().nullable(),
})

export const personView = z.strictObject({ id: z.uuid(), name: z.string() })

export const conversationView = z.strictObject({
  id: z.uuid(),
  /** Human number, per tenant from 1. */
  number: z.number().int(),
  channelId: z.uuid(),
  contact: z.strictObject({
    id: z.number().int(),
    name: z.string(),
    identities: z.array(identityView),
    isGroup: z.boolean(),
    blocked: z.boolean(),
  }),
  customerId: z.number().int().nullable(),
  dealIds: z.array(z.number().int()),
  status: conversationStatus,
  priority: z.enum(['low', 'normal', 'high', 'urgent']),
  assignee: personView.nullable(),
  team: personView.nullable(),
  labels: z.array(z.string()),
  unreadCount: z.number().int(),
  /** The newest message: the one that came last, and of an imported history the latest. */
  lastMessage: messageView.nullable(),
  /** `seq` of the newest message; what `lastSeenSeq` of a send is compared with. */
  lastSeq: z.number().int(),
  readSeq: z.number().int(),
  lastInboundAt: z.iso.datetime().nullable(),
  lastActivityAt: z.iso.datetime(),
  window: windowView,
  waitingSince: z.iso.datetime().nullable(),
  snoozedUntil: z.iso.datetime().nullable(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  version: z.number().int(),
})
export type ConversationView = z.infer<typeof conversationView>

/**
 * What a new message changes of its conversation. Message events carry this instead of the whole conversation, which
 * keeps the hot path narrow; a client that does not know the conversation fetches it.
 */
export const conversationPatch = z.strictObject({
  ...conversationView.pick({
    id: true,
    unreadCount: true,
    lastSeq: true,
    readSeq: true,
    lastInboundAt: true,
    lastActivityAt: true,
    window: true,
    waitingSince: true,
    updatedAt: true,
    version: true,
  }).shape,
  /** Which message is the newest now. Not always the one that the event is about: history is imported late. */
  lastMessageId: z.uuid().nullable(),
})
export type ConversationPatch = z.infer<typeof conversationPatch>

export const noteView = z.strictObject({
  id: z.number().int(),
  body: z.string(),
  pinned: z.boolean(),
  mentions: z.array(z.uuid()),
  authorId: z.string(),
  authorName: z.string().nullable(),
  customerId: z.number().int().nullable(),
  contactId: z.number().int().nullable(),
  dealId: z.number().int().nullable(),
  conversationId: z.uuid().nullable(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  deletedAt: z.iso.datetime().nullable(),
  version: z.number().int(),
})
export type NoteView = z.infer<typeof noteView>
