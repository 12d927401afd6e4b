import { can } from '../../auth/can.ts'
import { contactVisibility } from '../../auth/contact-visibility.ts'
import type { RequestFault } from '../../contract/rest/problem.ts'
import { invalid } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { placeOf } from '../conversations/present-conversation.ts'
import type { Change } from '../records/record-kind.ts'
import { lockStage, type StageRow } from './lock-stage.ts'
import { lastPlace, type Place, placeDeal } from './place-deal.ts'
import type { DealRow } from './present-deal.ts'
import { entryTime } from './stage-changes.ts'

/** What is given to be written; `place` comes from a mover only. */
interface Given {
  readonly customerId?: number | null
  readonly contactId?: number | null
  readonly stageId?: number
  readonly valueMinor?: number | null
  readonly currency?: string | null
  readonly probability?: number | null
  readonly lostReason?: string | null
  readonly conversationIds?: readonly string[]
  readonly place?: Place
}

/**
 * Completes what is written of a deal: its place on the board, its probability (that of the stage that it enters, or when none
 * is given), when it entered the stage, when it was closed. Fails with `validation_failed` for what does not exist or does
 * not fit together, and with `conflict` when its place is gone.
 */
export async function prepareDeal(
  tx: TenantTx,
  { before, values, by }: Change<DealRow>,
): Promise<Readonly<Record<string, unknown>>> {
  const { place, ...given } = values as Given
  const entered = await stageToEnter(tx, before, given.stageId, place)
  const faults = [
    ...moneyFaults(before, given),
    ...reasonFaults(entered?.kind ?? before?.stage_kind, given.lostReason),
    ...(await missingPeople(tx, { before, values, by }, given)),
    ...(await missingConversations(tx, { before, values, by }, given.conversationIds ?? [])),
  ]
  if (faults.length > 0) throw invalid(faults)
  return {
    ...given,
    ...probabilityOf(before, given, entered),
    ...(entered === null ? {} : stageValues(tx, before, given, entered)),
    ...(await positionOf(tx, { before, values, by }, entered, place)),
  }
}

/** The stage that the deal comes into, locked; null when it stays and keeps its place. */
async function stageToEnter(
  tx: TenantTx,
  before: DealRow | null,
  stageId: number | undefined,
  place: Place | undefined,
): Promise<StageRow | null> {
  if (stageId === undefined || (stageId === before?.stage_id && place === undefined)) return null
  return lockStage(tx, stageId)
}

async function positionOf(
  tx: TenantTx,
  { before, by }: Change<DealRow>,
  entered: StageRow | null,
  place: Place | undefined,
): Promise<{ position?: string }> {
  if (entered === null) return {}
  return {
    position:
      place === undefined || before === null
        ? await lastPlace(tx, entered.id)
        : await placeDeal(tx, by, before, entered.id, place),
  }
}

function probabilityOf(
  before: DealRow | null,
  { probability }: Given,
  entered: StageRow | null,
): { probability?: number } {
  if (typeof probability === 'number') return { probability }
  if (entered !== null && entered.id !== before?.stage_id) return { probability: entered.probability }
  return probability === null && before !== null ? { probability: before.stage_probability } : {}
}

/** What entering another stage means for the rest of a deal. */
function stageValues(tx: TenantTx, before: DealRow | null, { lostReason }: Given, entered: StageRow): object {
  if (entered.id === before?.stage_id) return {}
  const now = entryTime(tx, before)
  const open = entered.kind === 'open'
  return {
    enteredStageAt: now,
    closedAt: open ? null : before?.stage_kind === entered.kind ? before.closed_at : now,
    ...(entered.kind === 'lost' || lostReason !== undefined ? {} : { lostReason: null }),
  }
}

function moneyFaults(before: DealRow | null, given: Given): RequestFault[] {
  const value = given.valueMinor === undefined ? (before?.value_minor ?? null) : given.valueMinor
  const currency = given.currency === undefined ? (before?.currency ?? null) : given.currency
  return value !== null && currency === null
    ? [{ in: 'body', pointer: '/currency', message: 'a value needs a currency' }]
    : []
}

function reasonFaults(kind: StageRow['kind'] | undefined, reason: string | null | undefined): RequestFault[] {
  return reason !== undefined && reason !== null && kind !== 'lost'
    ? [{ in: 'body', pointer: '/lostReason', message: 'only a deal in a stage of kind lost has one' }]
    : []
}

/** Held until commit, so that a customer is not deleted while a deal begins to refer to it. Contacts are ones that the actor may see. */
async function missingPeople(
  tx: TenantTx,
  { before, by }: Change<DealRow>,
  given: Given,
): Promise<RequestFault[]> {
  const faults: RequestFault[] = []
  for (const [member, table, id, was] of [
    ['customerId', 'customers', given.customerId, before?.customer_id],
    ['contactId', 'contacts', given.contactId, before?.contact_id],
  ] as const) {
    if (id === undefined || id === null || id === was) continue
    const bound: unknown[] = [tx.tenantId, id]
    const seen =
      table === 'contacts' ? contactVisibility(by.actor, table, (value) => `$${bound.push(value)}`) : 'true'
    const [found] = await tx.query(
      `select 1 from ${table} where tenant_id = $1 and id = $2 and deleted_at is null and ${seen} for share`,
      bound,
    )
    if (!found) faults.push({ in: 'body', pointer: `/${member}`, message: 'there is no such record' })
  }
  return faults
}

/** Conversations that are linked anew must be ones that the actor may read. */
async function missingConversations(
  tx: TenantTx,
  { before, by }: Change<DealRow>,
  ids: readonly string[],
): Promise<RequestFault[]> {
  const added = ids.filter((id) => !before?.conversation_ids.includes(id))
  if (added.length === 0) return []
  const rows = await tx.query<{
    id: string
    channel_id: string
    assignee_id: string | null
    team_id: string | null
  }>('select id, channel_id, assignee_id, team_id from conversations where tenant_id = $1 and id = any($2)', [
    tx.tenantId,
    added,
  ])
  const readable = new Set(
    rows.filter((row) => can(by.actor, 'conversation.read', placeOf(row))).map(({ id }) => id),
  )
  return added
    .filter((id) => !readable.has(id))
    .map((id) => ({
      in: 'body',
      pointer: `/conversationIds/${ids.indexOf(id)}`,
      message: 'there is no such conversation',
    }))
}
