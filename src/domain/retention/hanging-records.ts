import { activityKind } from '../activities/activity-kind.ts'
import { contactKind } from '../contacts/contact-kind.ts'
import { dealKind } from '../deals/deal-kind.ts'
import { noteKind } from '../notes/note-kind.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Doer } from '../audit/record-audit.ts'
import type { RecordKind, RecordRow, RecordView } from '../records/record-kind.ts'
import { deleteRecord, updateRecord } from '../records/write-record.ts'

/** Kinds of records that go for good, those first that others hang on. */
export const purgedNouns = [
  'saved_view',
  'note',
  'activity',
  'deal',
  'contact',
  'customer',
  'pipeline_stage',
  'pipeline',
  'tag',
] as const
export type PurgedNoun = (typeof purgedNouns)[number]

/** Records of another kind that refer to one that goes. */
export interface Hanging {
  readonly table: string
  readonly column: string
  /** Does away with the reference of one of them, and says so to whoever holds it. */
  readonly loosen: (tx: TenantTx, by: Doer, id: number) => Promise<unknown>
}

/** What goes on without it: its member is empty from then on, and it is announced as changed. */
function goesOn<Row extends RecordRow, View extends RecordView>(
  kind: RecordKind<Row, View>,
  member: string,
): Hanging {
  const column = kind.members[member]?.column ?? ''
  return {
    table: kind.table,
    column,
    loosen: (tx, by, id) => updateRecord(tx, kind, by, id, { [member]: null }, null),
  }
}

/** Notes are about one thing and go with it. */
const notesOf = (member: string): Hanging => ({
  table: noteKind.table,
  column: noteKind.members[member]?.column ?? '',
  loosen: (tx, by, id) => deleteRecord(tx, noteKind, by, id, null),
})

/** What hangs on records that go, beside what the database takes along by itself (`on delete cascade`). */
export const hangingOn: Readonly<Record<PurgedNoun, readonly Hanging[]>> = {
  saved_view: [],
  note: [],
  activity: [],
  deal: [notesOf('dealId'), goesOn(activityKind, 'dealId')],
  contact: [notesOf('contactId'), goesOn(dealKind, 'contactId'), goesOn(activityKind, 'contactId')],
  customer: [
    notesOf('customerId'),
    goesOn(contactKind, 'customerId'),
    goesOn(dealKind, 'customerId'),
    goesOn(activityKind, 'customerId'),
  ],
  pipeline_stage: [],
  pipeline: [],
  tag: [],
}

export const purgedTables: Readonly<Record<PurgedNoun, string>> = {
  saved_view: 'saved_views',
  note: 'notes',
  activity: 'activities',
  deal: 'deals',
  contact: 'contacts',
  customer: 'customers',
  pipeline_stage: 'pipeline_stages',
  pipeline: 'pipelines',
  tag: 'tags',
}
