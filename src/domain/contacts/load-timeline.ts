import { isDeepStrictEqual } from 'node:util'
import type { ActorView } from '../../contract/events/define.ts'
import type { StageChangeView } from '../../contract/crm/deal.ts'
import type { TimelineItem, TimelineKind } from '../../contract/rest/contacts.ts'
import { activityKind } from '../activities/activity-kind.ts'
import { wholeSeconds } from '../deals/stage-changes.ts'
import { loadMessages } from '../messages/load-messages.ts'
import { presentMessage } from '../messages/present-message.ts'
import { noteKind } from '../notes/note-kind.ts'
import type { Query, RecordKind, RecordRow, RecordView } from '../records/record-kind.ts'

interface Line {
  readonly kind: TimelineKind
  readonly id: string
}

type Loaded = readonly (readonly [id: string, item: TimelineItem])[]
type Load = (query: Query, tenantId: string, ids: readonly string[]) => Promise<Loaded>

/** What lines of a timeline say, in their order. One statement per kind that is there. */
export async function loadTimeline(
  query: Query,
  tenantId: string,
  lines: readonly Line[],
): Promise<TimelineItem[]> {
  const items = new Map<string, TimelineItem>()
  for (const [kind, ofKind] of Map.groupBy(lines, (line) => line.kind)) {
    const ids = ofKind.map(({ id }) => id)
    for (const [id, item] of await loads[kind](query, tenantId, ids)) items.set(`${kind} ${id}`, item)
  }
  return lines.map(({ kind, id }) => items.get(`${kind} ${id}`)).filter((item) => item !== undefined)
}

const loads: Readonly<Record<TimelineKind, Load>> = {
  message: async (query, tenantId, ids) =>
    (await loadMessages(query, tenantId, ids)).map((row) => {
      const message = presentMessage(row)
      return [message.id, { kind: 'message', at: message.sentAt, message }]
    }),
  note: async (query, tenantId, ids) =>
    (await loadRecords(query, tenantId, noteKind, ids)).map((note) => [
      `${note.id}`,
      { kind: 'note', at: note.createdAt, note },
    ]),
  activity: async (query, tenantId, ids) =>
    (await loadRecords(query, tenantId, activityKind, ids)).map((activity) => [
      `${activity.id}`,
      { kind: 'activity', at: activity.createdAt, activity },
    ]),
  stage_change: async (query, tenantId, ids) => {
    const rows = await query<StageChangeView>(
      `select id, deal_id as "dealId", from_stage_id as "fromStageId", to_stage_id as "toStageId", actor as by, at,
         ${wholeSeconds} as "secondsInStage"
       from deal_stage_changes where tenant_id = $1 and id = any($2::uuid[])`,
      [tenantId, ids],
    )
    return rows.map((stageChange) => [
      stageChange.id,
      { kind: 'stage_change', at: stageChange.at, stageChange },
    ])
  },
  edit: async (query, tenantId, ids) => {
    const rows = await query<EditRow>(
      `select number as id, action, actor as by, before, after, created_at as at
       from audit_logs where tenant_id = $1 and number = any($2::bigint[])`,
      [tenantId, ids],
    )
    return rows.map(({ id, action, by, before, after, at }) => [
      `${id}`,
      { kind: 'edit', at, edit: { id, action, by, changes: changesOf(before, after) } },
    ])
  },
}

interface EditRow {
  id: number
  action: string
  by: ActorView
  before: Readonly<Record<string, unknown>> | null
  after: Readonly<Record<string, unknown>> | null
  at: string
}

async function loadRecords<Row extends RecordRow, View extends RecordView>(
  query: Query,
  tenantId: string,
  kind: RecordKind<Row, View>,
  ids: readonly string[],
): Promise<View[]> {
  const rows = await query<Row>(
    `select ${kind.select} from ${kind.table} r ${kind.joins} where r.tenant_id = $1 and r.id = any($2::integer[])`,
    [tenantId, ids],
  )
  return rows.map(kind.present)
}

/** Members that every change changes say nothing. */
const marks = new Set(['id', 'version', 'createdAt', 'updatedAt'])

function changesOf(before: EditRow['before'], after: EditRow['after']) {
  const names = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])
  const changed = [...names].filter(
    (name) => !marks.has(name) && !isDeepStrictEqual(before?.[name] ?? null, after?.[name] ?? null),
  )
  return Object.fromEntries(
    changed.map((name) => [name, { from: before?.[name] ?? null, to: after?.[name] ?? null }]),
  )
}
