import type { DealView } from '../../contract/crm/deal.ts'
import { dealKind } from '../deals/deal-kind.ts'
import {
  customColumns,
  type FileColumn,
  type Known,
  type KnownStage,
  numberColumns,
  shownColumns,
  textColumns,
  wholeNumber,
} from './file-columns.ts'
import { anyFile } from './file-kind.ts'
import { keptText } from './kept-text.ts'
import { joinNames, splitNames } from './name-list.ts'
import type { RowInput } from './read-row.ts'

/** Files of deals. Where one is, is said by the names of pipeline and stage, or by `stageId`. */
export const dealFile = anyFile({
  kind: { ...dealKind, noun: 'deal' },
  columns: (known) => [
    ...shownColumns<DealView>('id'),
    ...textColumns<DealView>('title'),
    ...placeColumns(known),
    ...numberColumns<DealView>('customerId', 'contactId'),
    ...textColumns<DealView>('ownerId'),
    ...numberColumns<DealView>('valueMinor'),
    ...textColumns<DealView>('currency').map((column) => ({
      ...column,
      read: (text: string) => ({ value: text.toUpperCase() }),
    })),
    ...numberColumns<DealView>('probability'),
    ...textColumns<DealView>('expectedCloseOn', 'lostReason'),
    {
      name: 'conversationIds',
      show: (deal) => joinNames(deal.conversationIds),
      member: 'conversationIds',
      read: (text) => ({ value: splitNames(text) }),
      empty: [],
    },
    ...customColumns<DealView>(known),
    ...shownColumns<DealView>('enteredStageAt', 'closedAt', 'createdAt', 'updatedAt'),
  ],
  needed: 'title',
  found: { id: 'id = $2::integer' },
  drafting: {
    tables: { deals: 'id', deal_conversations: 'deal_id' },
    keysOfRecord: (upsertKey) => (upsertKey === 'id' ? `array['id ' || r.id]` : null),
    keysOfRows: (_tx, upsertKey, rows) =>
      Promise.resolve(rows.flatMap((row) => keptText(dealKind, upsertKey, row) ?? [])),
    // Batches that are taken back put one deal after the other on the same place; nothing that a file says hangs on it.
    keptAs: `jsonb_build_object('position', r.position || r.id || 'V')`,
  },
  complete: placeDeal,
})

function placeColumns({ stages }: Known): FileColumn<DealView>[] {
  const byId = new Map(stages.map((stage) => [stage.id, stage]))
  const named = (name: string, show: (stage: KnownStage) => string): FileColumn<DealView> => ({
    name,
    show: (deal) => {
      const stage = byId.get(deal.stageId)
      return stage === undefined ? '' : show(stage)
    },
    read: (text) => ({ value: text }),
    empty: undefined,
  })
  return [
    named('pipeline', (stage) => stage.pipeline),
    named('stage', (stage) => stage.name),
    { name: 'stageId', member: 'stageId', read: wholeNumber, empty: undefined },
  ]
}

/**
 * The stage of a row, by its names: of the pipeline that is named, else of the default one, else of the only one that has
 * such a stage. A new deal without a stage gets the first open one; a deal that is there stays where it is.
 */
function placeDeal({ stages }: Known, row: RowInput, isNew: boolean): RowInput | { readonly fault: string } {
  if (row.values['stageId'] !== undefined) return row
  const [pipeline, name] = [row.texts.get('pipeline'), row.texts.get('stage')]
  if (name === undefined && !isNew) return row
  const pool = stages.filter(
    (stage) => stage.isOpenTo && (pipeline === undefined || isCalled(stage.pipeline, pipeline)),
  )
  if (pool.length === 0 && pipeline !== undefined)
    return { fault: `pipeline: there is none called ${pipeline.slice(0, 100)}` }
  const fits =
    name === undefined
      ? pool.filter(({ kind }) => kind === 'open').slice(0, 1)
      : pool.filter((stage) => isCalled(stage.name, name))
  const [stage] = fits
  if (stage === undefined) return { fault: `stage: there is none called ${(name ?? 'open').slice(0, 100)}` }
  if (fits.length > 1 && !stage.isDefault)
    return { fault: `stage: several pipelines have one called ${stage.name}; name the pipeline` }
  return { ...row, values: { ...row.values, stageId: stage.id } }
}

const isCalled = (name: string, text: string): boolean => name.toLowerCase() === text.toLowerCase()
