import { z } from 'zod'
import { stageKinds } from '../crm/pipeline.ts'
import { line } from './record-input.ts'

/** POST and PUT of a pipeline. */
export const wholePipeline = z.strictObject({ name: line(64), isDefault: z.boolean().default(false) })

/** PATCH of a pipeline. */
export const pipelinePart = z.strictObject({
  name: line(64).optional(),
  isDefault: z.boolean().optional(),
})

const pipelineId = z.int32().positive()
/** Place among the stages of the pipeline from 1; beyond the last is the last. */
const position = z.int32().positive()
const probability = z.int().min(0).max(100)
const kind = z.enum(stageKinds)
const color = z
  .string()
  .regex(/^#[0-9a-fA-F]{6}$/, 'expected a colour such as #1f6feb')
  .toLowerCase()
  .nullable()

/**
 * POST and PUT of a stage. Without a pipeline: a new one goes to the default pipeline. Without a position: a new one is the
 * last. An old one stays where it is.
 */
export const wholeStage = z.strictObject({
  pipelineId: pipelineId.optional(),
  name: line(64),
  position: position.optional(),
  probability: probability.default(0),
  kind: kind.default('open'),
  color: color.default(null),
})

/** PATCH of a stage. */
export const stagePart = z.strictObject({
  pipelineId: pipelineId.optional(),
  name: line(64).optional(),
  position: position.optional(),
  probability: probability.optional(),
  kind: kind.optional(),
  color: color.optional(),
})
