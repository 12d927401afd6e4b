import { z } from 'zod'
import { recordBase } from './record.ts'

export const pipelineView = z.strictObject({
  ...recordBase,
  name: z.string(),
  /** The one that a stage belongs to when none is named. A tenant has exactly one. */
  isDefault: z.boolean(),
})
export type PipelineView = z.infer<typeof pipelineView>

/** What it means for a deal to be in a stage: it goes on, or it is over. */
export const stageKinds = ['open', 'won', 'lost'] as const

export const pipelineStageView = z.strictObject({
  ...recordBase,
  pipelineId: z.number().int(),
  name: z.string(),
  /** Order in its pipeline, ascending; no two stages of a pipeline have the same. */
  position: z.number().int(),
  /** What a deal that enters the stage gets, in percent. */
  probability: z.number().int(),
  kind: z.enum(stageKinds),
  /** `#rrggbb`. */
  color: z.string().nullable(),
})
export type PipelineStageView = z.infer<typeof pipelineStageView>
