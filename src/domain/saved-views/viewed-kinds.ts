import type { SavedViewEntity } from '../../contract/crm/saved-view.ts'
import type { Config } from '../../platform/config.ts'
import { activityKind } from '../activities/activity-kind.ts'
import { contactKind } from '../contacts/contact-kind.ts'
import { customFieldKind } from '../custom-fields/custom-field-kind.ts'
import { customerKind } from '../customers/customer-kind.ts'
import { dealKind } from '../deals/deal-kind.ts'
import { noteKind } from '../notes/note-kind.ts'
import { pipelineKind } from '../pipelines/pipeline-kind.ts'
import { stageKind } from '../pipelines/stage-kind.ts'
import type { RecordKind } from '../records/record-kind.ts'
import { tagKind } from '../tags/tag-kind.ts'

/** What of a kind decides how its list can be viewed. */
export type ViewedKind = Pick<RecordKind, 'filters' | 'sorts' | 'customFields' | 'view'>

/** Kinds whose lists can be saved as views. */
export function viewedKinds(
  config: Pick<Config, 'CUSTOM_FIELDS'>,
): Readonly<Record<SavedViewEntity, ViewedKind>> {
  return {
    customer: customerKind,
    contact: contactKind,
    deal: dealKind,
    activity: activityKind,
    note: noteKind,
    tag: tagKind,
    pipeline: pipelineKind,
    pipeline_stage: stageKind,
    custom_field: customFieldKind(config),
  }
}
