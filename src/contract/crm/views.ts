import type { ActivityView } from './activity.ts'
import type { ContactView } from '../records.ts'
import type { NoteView } from '../conversation.ts'
import type { CustomFieldView } from './custom-field.ts'
import type { CustomerView } from './customer.ts'
import type { DealView } from './deal.ts'
import type { PipelineStageView, PipelineView } from './pipeline.ts'
import type { SavedViewView } from './saved-view.ts'
import type { TagView } from './tag.ts'

/** Records of the CRM, by the name of their path. */
interface RecordViews {
  readonly activities: ActivityView
  readonly contacts: ContactView
  readonly 'custom-fields': CustomFieldView
  readonly customers: CustomerView
  readonly deals: DealView
  readonly pipelines: PipelineView
  readonly 'pipeline-stages': PipelineStageView
  readonly notes: NoteView
  readonly 'saved-views': SavedViewView
  readonly tags: TagView
}
export type RecordPath = keyof RecordViews
export type HeldRecord<Path extends RecordPath> = RecordViews[Path]

/** Those that a client holds, by id. */
export type HeldRecords = {
  readonly [Path in RecordPath]: ReadonlyMap<number, HeldRecord<Path>>
}
