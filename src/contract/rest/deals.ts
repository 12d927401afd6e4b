import { z } from 'zod'
import { day } from '../crm/record.ts'
import { patchesCustomValues, wholeCustomValues } from './custom-fields.ts'
import { currencyCode, line, optionalLine, ownerId } from './record-input.ts'

const recordRef = z.int32().positive()

const currency = currencyCode.nullable()

/** Ten billions with two decimals; beyond that somebody leaned on a key. */
const mostMinor = 1_000_000_000_000
const valueMinor = z.int().min(0).max(mostMinor).nullable()
const probability = z.int().min(0).max(100).nullable()
const closeDay = day.refine((date) => date >= '1900-01-01', 'out of range').nullable()

/** Each counts once. */
const conversationIds = z
  .array(z.uuid().toLowerCase())
  .max(100)
  .transform((ids) => [...new Set(ids)].sort())

/** POST and PUT: a whole deal. What is left out is empty; the probability is that of its stage then. */
export const wholeDeal = z.strictObject({
  title: line(255),
  customerId: recordRef.nullable().default(null),
  contactId: recordRef.nullable().default(null),
  stageId: recordRef,
  ownerId: ownerId.default(null),
  valueMinor: valueMinor.default(null),
  currency: currency.default(null),
  probability: probability.default(null),
  expectedCloseOn: closeDay.default(null),
  lostReason: optionalLine(1000).default(null),
  conversationIds: conversationIds.default([]),
  customFields: wholeCustomValues,
})

/** PATCH: what is to change. A probability of null is that of its stage. */
export const dealPart = patchesCustomValues(
  z.strictObject({
    title: line(255).optional(),
    customerId: recordRef.nullable().optional(),
    contactId: recordRef.nullable().optional(),
    stageId: recordRef.optional(),
    ownerId: ownerId.optional(),
    valueMinor: valueMinor.optional(),
    currency: currency.optional(),
    probability: probability.optional(),
    expectedCloseOn: closeDay.optional(),
    lostReason: optionalLine(1000).optional(),
    conversationIds: conversationIds.optional(),
  }),
)

/**
 * POST …/move: into a stage, right behind the deal `after`, or else right before the deal `before`, or else behind the last.
 * `version` is the one that the mover saw, like If-Match.
 */
export const dealMove = z.strictObject({
  stageId: recordRef,
  before: recordRef.optional(),
  after: recordRef.optional(),
  version: z.int32().positive().optional(),
  lostReason: optionalLine(1000).optional(),
})
export type DealMove = z.infer<typeof dealMove>
