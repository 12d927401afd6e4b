import { z } from 'zod'
import { conversationView } from '../conversation.ts'
import { messageView } from '../message.ts'
import { positionText } from '../position.ts'
import { contactView } from '../records.ts'
import { storableText } from '../text.ts'

/** Beside `limit`: one of the cursors of a page, or none for the newest messages. */
export const listMessagesQuery = z.strictObject({
  /** Older than this: `previousCursor` of a page. */
  before: z.string().max(1024).optional(),
  /** Newer than this: `nextCursor` of a page. */
  after: z.string().max(1024).optional(),
})
export type ListMessagesQuery = z.infer<typeof listMessagesQuery>

/**
 * A stretch of a conversation, oldest first by the network's time. `previousCursor` leads to older messages and is null
 * at the beginning; `nextCursor` leads to newer ones and is null at the end, as it was at `position`.
 */
export const messagePage = z.strictObject({
  data: z.array(messageView),
  previousCursor: z.string().nullable(),
  nextCursor: z.string().nullable(),
  position: positionText,
})
export type MessagePage = z.infer<typeof messagePage>

export const messageAnswer = z.strictObject({ data: messageView })

export const searchKinds = ['messages', 'contacts', 'customers', 'deals'] as const
export const searchQuery = z.strictObject({
  q: storableText(2, 200),
  kind: z.enum(searchKinds).default('messages'),
})

/** A customer or a deal as search shows it; the records have pages of their own. */
export const customerHit = z.strictObject({
  id: z.number().int(),
  name: z.string(),
  company: z.string().nullable(),
  email: z.string().nullable(),
  phone: z.string().nullable(),
})
export type CustomerHit = z.infer<typeof customerHit>
export const dealHit = z.strictObject({
  id: z.number().int(),
  title: z.string(),
  stageId: z.number().int(),
  customerId: z.number().int().nullable(),
  contactId: z.number().int().nullable(),
})
export type DealHit = z.infer<typeof dealHit>
export const messageHit = z.strictObject({
  message: messageView,
  conversation: conversationView.pick({ id: true, number: true, contact: true, status: true }),
})
export type MessageHit = z.infer<typeof messageHit>

/** Newest first. A page may be empty and still have a `nextCursor`: what it went over was not for your eyes. */
const hits = <T extends z.ZodType>(hit: T) =>
  z.strictObject({ data: z.array(hit), nextCursor: z.string().nullable() })
export const searchAnswers = {
  messages: hits(messageHit),
  contacts: hits(contactView),
  customers: hits(customerHit),
  deals: hits(dealHit),
} as const
