import { z } from 'zod'
import { dealView } from '../crm/deal.ts'
import { pipelineStageView, pipelineView } from '../crm/pipeline.ts'
import { event } from './define.ts'

const pipeline = { pipeline: pipelineView }
const stage = { pipeline_stage: pipelineStageView }
const deal = { deal: dealView }

export const dealEvents = [
  event('pipeline.created', 'tenant', 'A pipeline was added.', pipeline),
  event(
    'pipeline.updated',
    'tenant',
    'A pipeline has another name, or became or ceased to be the default.',
    pipeline,
  ),
  event(
    'pipeline.deleted',
    'tenant',
    'A pipeline was deleted with its stages; it can be restored.',
    pipeline,
  ),
  event('pipeline.restored', 'tenant', 'A deleted pipeline is back.', pipeline),
  event('pipeline_stage.created', 'tenant', 'A stage was added to a pipeline.', stage),
  event(
    'pipeline_stage.updated',
    'tenant',
    'Something about a stage changed, or its place among the others.',
    stage,
  ),
  event('pipeline_stage.deleted', 'tenant', 'A stage was deleted; it can be restored.', stage),
  event('pipeline_stage.restored', 'tenant', 'A deleted stage is back.', stage),
  event('deal.created', 'owner', 'A deal was made.', deal),
  event('deal.updated', 'owner', 'Something about a deal changed, or its place was written anew.', deal),
  event('deal.moved', 'owner', 'A deal is in another stage, or elsewhere in its stage.', deal),
  event(
    'deal.won',
    'owner',
    'A deal came into a stage of kind `won`; comes beside the event of the change itself.',
    deal,
  ),
  event(
    'deal.lost',
    'owner',
    'A deal came into a stage of kind `lost`; comes beside the event of the change itself.',
    deal,
  ),
  event('deal.deleted', 'owner', 'A deal was deleted; it can be restored.', deal),
  event('deal.restored', 'owner', 'A deleted deal is back.', deal),
  event(
    'deal.hidden',
    'lost sight',
    'You may no longer see a deal: forget it and what was written about it.',
    {
      dealId: z.number().int(),
      version: z.number().int(),
    },
  ),
] as const
