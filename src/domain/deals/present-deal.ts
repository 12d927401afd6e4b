import { dealInSight } from '../../auth/owned-visibility.ts'
import type { DealView } from '../../contract/crm/deal.ts'
import type { PipelineStageView } from '../../contract/crm/pipeline.ts'
import type { RecordRow, Rights } from '../records/record-kind.ts'

export interface DealRow extends RecordRow {
  title: string
  customer_id: number | null
  contact_id: number | null
  stage_id: number
  owner_id: string | null
  value_minor: number | null
  currency: string | null
  probability: number
  expected_close_on: string | null
  lost_reason: string | null
  position: string
  entered_stage_at: string
  closed_at: string | null
  custom_fields: Record<string, unknown>
  conversation_ids: string[]
  pipeline_id: number
  stage_kind: PipelineStageView['kind']
  stage_probability: number
}

/** Columns of a DealRow, for `select … from deals r` with the joins. */
export const dealSelect = `r.id, r.title, r.customer_id, r.contact_id, r.stage_id, r.owner_id, r.value_minor, r.currency, r.probability,
  r.expected_close_on::text as expected_close_on, r.lost_reason, r.position, r.entered_stage_at, r.closed_at, r.custom_fields,
  r.version, r.created_at, r.updated_at, r.deleted_at,
  s.pipeline_id, s.kind as stage_kind, s.probability as stage_probability,
  array(select dc.conversation_id from deal_conversations dc
        where dc.tenant_id = r.tenant_id and dc.deal_id = r.id order by 1) as conversation_ids`

export const dealJoins = 'join pipeline_stages s on s.tenant_id = r.tenant_id and s.id = r.stage_id'

export const dealRights: Rights<DealRow> = {
  read: 'deal.read',
  write: 'deal.write',
  owner: {
    column: 'r.owner_id',
    of: (row) => row.owner_id,
    read: 'deal.read',
    subjects: {
      of: (row) => ({ contactId: row.contact_id, conversationIds: row.conversation_ids, dealId: null }),
      inSight: (actor, action, bind) => dealInSight(actor, action, 'r', bind),
    },
  },
}

/** Row → wire. */
export function presentDeal(row: DealRow): DealView {
  return {
    id: row.id,
    title: row.title,
    customerId: row.customer_id,
    contactId: row.contact_id,
    pipelineId: row.pipeline_id,
    stageId: row.stage_id,
    ownerId: row.owner_id,
    valueMinor: row.value_minor,
    currency: row.currency,
    probability: row.probability,
    expectedCloseOn: row.expected_close_on,
    lostReason: row.lost_reason,
    conversationIds: row.conversation_ids,
    position: row.position,
    enteredStageAt: row.entered_stage_at,
    closedAt: row.closed_at,
    customFields: row.custom_fields,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    deletedAt: row.deleted_at,
    version: row.version,
  }
}
