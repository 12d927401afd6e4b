import { z } from 'zod'
import { type DealView, dealView } from '../../contract/crm/deal.ts'
import { stageKinds } from '../../contract/crm/pipeline.ts'
import { severalOf } from '../../contract/rest/several.ts'
import { dealPart, wholeDeal } from '../../contract/rest/deals.ts'
import { instant } from '../../contract/rest/record-input.ts'
import { retellActivitiesOf } from '../contacts/retell-records.ts'
import { prepareCustomValues } from '../custom-fields/prepare-custom-values.ts'
import {
  filter,
  idText,
  isAmong,
  lookingUp,
  personIs,
  refersTo,
  timeFilters,
  timeSorts,
} from '../records/common-filters.ts'
import { bySearchText, matching, type TextSearch } from '../records/matching-text.ts'
import type { RecordKind } from '../records/record-kind.ts'
import { announceConversations, linkConversations } from './link-conversations.ts'
import { holdSubjects } from '../records/hold-subjects.ts'
import { lockBoard } from './lock-stage.ts'
import { prepareDeal } from './prepare-deal.ts'
import { type DealRow, dealJoins, dealRights, dealSelect, presentDeal } from './present-deal.ts'
import { findPlaceAgain } from './restore-deal.ts'
import { recordStageChange } from './stage-changes.ts'

export const dealText: TextSearch = { waysOf: (q) => bySearchText('deals', q) }
const linked = filter(
  severalOf(z.uuid()),
  (ids, bind) =>
    `exists (select from deal_conversations dc
      where dc.tenant_id = r.tenant_id and dc.deal_id = r.id and ${isAmong('dc.conversation_id', ids, 'uuid', bind)})`,
)
/** In stages with a property. Their ids are looked up first: then the planner knows how many deals lie in them. */
const inStages = <Value>(item: z.ZodType<Value>, column: string, type: string) =>
  lookingUp(severalOf(item), async (values, bind, _actor, query) => {
    const stages = await query<{ id: number }>(
      `select id from pipeline_stages where tenant_id = current_tenant() and ${column} = any ($1::${type}[])`,
      [values],
    )
    return `r.stage_id = any (${bind(stages.map(({ id }) => id))}::integer[])`
  })
const minor = z.string().regex(/^\d{1,15}$/, 'expected a whole number')
// As the indexes have them: coalesce() is no condition of an index under row security. What is not known is in no range.
const valueSql = '(case when r.value_minor is null then -1 else r.value_minor end)'
const closeSql = `(case when r.expected_close_on is null then 'infinity'::date else r.expected_close_on end)`
const value = (sign: string) =>
  filter(minor, (given, bind) => `${valueSql} >= 0 and ${valueSql} ${sign} ${bind(given)}::bigint`)
const closes = (sign: string) =>
  filter(
    z.iso.date(),
    (given, bind) => `${closeSql} < 'infinity' and ${closeSql} ${sign} ${bind(given)}::date`,
  )
const entered = filter(instant, (given, bind) => `r.entered_stage_at < ${bind(given)}::timestamptz`)

/** Business that may come: cards on the boards of the pipelines. */
export const dealKind: RecordKind<DealRow, DealView> = {
  noun: 'deal',
  path: 'deals',
  table: 'deals',
  select: dealSelect,
  joins: dealJoins,
  members: {
    title: { column: 'title', type: 'text' },
    customerId: { column: 'customer_id', type: 'integer' },
    contactId: { column: 'contact_id', type: 'integer' },
    stageId: { column: 'stage_id', type: 'integer' },
    ownerId: { column: 'owner_id', type: 'uuid' },
    valueMinor: { column: 'value_minor', type: 'bigint' },
    currency: { column: 'currency', type: 'text' },
    probability: { column: 'probability', type: 'integer' },
    expectedCloseOn: { column: 'expected_close_on', type: 'date' },
    lostReason: { column: 'lost_reason', type: 'text' },
    position: { column: 'position', type: 'text' },
    enteredStageAt: { column: 'entered_stage_at', type: 'timestamptz' },
    closedAt: { column: 'closed_at', type: 'timestamptz' },
    customFields: { column: 'custom_fields', type: 'jsonb' },
  },
  view: dealView,
  whole: wholeDeal,
  part: dealPart,
  filters: {
    q: matching(dealText),
    pipelineId: inStages(idText, 'pipeline_id', 'integer'),
    stageId: refersTo('r.stage_id'),
    ownerId: personIs('r.owner_id'),
    customerId: refersTo('r.customer_id'),
    contactId: refersTo('r.contact_id'),
    conversationId: linked,
    kind: inStages(z.enum(stageKinds), 'kind', 'text'),
    valueFrom: value('>='),
    valueTo: value('<='),
    expectedCloseFrom: closes('>='),
    expectedCloseTo: closes('<='),
    stale: entered,
    ...timeFilters,
  },
  sorts: {
    ...timeSorts,
    position: { sql: 'r.position', type: 'text', order: 'asc' },
    value: { sql: valueSql, type: 'bigint', order: 'desc' },
    expectedCloseOn: { sql: closeSql, type: 'date', order: 'asc' },
    title: { sql: 'r.title_key', type: 'text', order: 'asc' },
  },
  sortedBy: 'createdAt',
  customFields: 'deal',
  includes: ['owner', 'customer', 'contact', 'pipeline', 'stage', 'conversations'],
  present: presentDeal,
  rights: dealRights,
  constraints: { deals_tenant_id_owner_id_fkey: 'ownerId' },
  named: (before, after) =>
    before.stage_id === after.stage_id && before.position === after.position
      ? undefined
      : { event: 'deal.moved', action: 'deal.move' },
  also: (before, after) =>
    after.stage_kind === 'open' || after.deleted_at !== null || before?.stage_kind === after.stage_kind
      ? []
      : [`deal.${after.stage_kind}`],
  lockFirst: async (tx, id, values) => {
    holdSubjects(tx, 'deals', id, values)
    await lockBoard(tx, id, values)
  },
  prepare: async (tx, change) => {
    if (change.before === null) holdSubjects(tx, 'deals', null, change.values)
    return prepareCustomValues(tx, 'deal', { ...change, values: await prepareDeal(tx, change) })
  },
  beforeRestore: findPlaceAgain,
  follow: async (tx, id, { before, values, by }) => {
    if (typeof values.stageId === 'number') await recordStageChange(tx, by.actor, id, before, values.stageId)
    if (Array.isArray(values.conversationIds))
      await linkConversations(tx, id, before?.conversation_ids ?? [], values.conversationIds as string[])
    if (before !== null && ('contactId' in values || 'conversationIds' in values))
      await retellActivitiesOf(tx, id)
    if ('deletedAt' in values) await announceConversations(tx, before?.conversation_ids ?? [])
  },
}
