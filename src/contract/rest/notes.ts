import { z } from 'zod'
import { storableText } from '../text.ts'

const body = storableText(1, 10_000).refine((text) => text.trim() !== '', 'must not be blank')
const mentions = z
  .array(z.uuid().toLowerCase())
  .max(50)
  .transform((ids) => [...new Set(ids)])
const recordId = z.int32().positive().nullable().default(null)

/** POST and PUT: a whole note, about exactly one thing. PUT does not move it to another. */
export const wholeNote = z
  .strictObject({
    body,
    pinned: z.boolean().default(false),
    /** Users who are asked to look. */
    mentions: mentions.default([]),
    customerId: recordId,
    contactId: recordId,
    dealId: recordId,
    conversationId: z.uuid().toLowerCase().nullable().default(null),
  })
  .refine(
    ({ customerId, contactId, dealId, conversationId }) =>
      [customerId, contactId, dealId, conversationId].filter((id) => id !== null).length === 1,
    'is about exactly one of customerId, contactId, dealId and conversationId',
  )

/** PATCH: what is to change. */
export const notePart = z.strictObject({
  body: body.optional(),
  pinned: z.boolean().optional(),
  mentions: mentions.optional(),
})
