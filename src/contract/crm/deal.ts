import { z } from 'zod'
import { customFields, day, recordBase } from './record.ts'

export const dealView = z.strictObject({
  ...recordBase,
  title: z.string(),
  customerId: z.number().int().nullable(),
  contactId: z.number().int().nullable(),
  /** Where its stage is; a stage never changes its pipeline. */
  pipelineId: z.number().int(),
  stageId: z.number().int(),
  ownerId: z.uuid().nullable(),
  /** In the smallest unit of the currency (cents); null is not known. */
  valueMinor: z.number().int().nullable(),
  /** ISO 4217; there whenever there is a value. */
  currency: z.string().nullable(),
  /** Percent. */
  probability: z.number().int(),
  expectedCloseOn: day.nullable(),
  /** Only of a lost deal. */
  lostReason: z.string().nullable(),
  /** Conversations that it is about, ascending. */
  conversationIds: z.array(z.uuid()),
  /** Order in its stage by bytes, ascending; no two deals of a stage have the same. Opaque. */
  position: z.string(),
  enteredStageAt: z.iso.datetime(),
  /** When it was won or lost; null while it is open. */
  closedAt: z.iso.datetime().nullable(),
  /** Facts of former times do not have them. */
  customFields: customFields.default({}),
})
export type DealView = z.infer<typeof dealView>

/** One line of the history of a deal's stages. */
export const stageChangeView = z.strictObject({
  id: z.uuid(),
  dealId: z.number().int(),
  /** null when the deal was made in `toStageId`. */
  fromStageId: z.number().int().nullable(),
  toStageId: z.number().int(),
  by: z.strictObject({ kind: z.string(), id: z.string().optional(), name: z.string().optional() }),
  at: z.iso.datetime(),
  /** How long it had been in `fromStageId`; null when there was none. */
  secondsInStage: z.number().int().nullable(),
})
export type StageChangeView = z.infer<typeof stageChangeView>

/** What lies in a stage. */
export const stageTotal = z.strictObject({
  stageId: z.number().int(),
  pipelineId: z.number().int(),
  /** Deals, with a value and without. */
  count: z.number().int(),
  values: z.array(
    z.strictObject({
      currency: z.string(),
      count: z.number().int(),
      /** Sum in the smallest unit; exact up to 2^53. */
      valueMinor: z.number(),
    }),
  ),
})
export type StageTotal = z.infer<typeof stageTotal>
