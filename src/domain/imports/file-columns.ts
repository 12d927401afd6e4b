import type { CustomFieldEntity, CustomFieldView } from '../../contract/crm/custom-field.ts'
import type { PipelineStageView } from '../../contract/crm/pipeline.ts'
import { type ReadCell, readCustomCell, showCustomValue } from '../custom-fields/custom-cells.ts'
import type { Query } from '../records/record-kind.ts'

type Field = Pick<CustomFieldView, 'key' | 'label' | 'type'>

/** A stage by its name and that of its pipeline. */
export interface KnownStage extends Pick<PipelineStageView, 'id' | 'name' | 'kind'> {
  readonly pipelineId: number
  readonly pipeline: string
  readonly isDefault: boolean
  /** Deals can come into it: neither it nor its pipeline is deleted. */
  readonly isOpenTo: boolean
}

/** What a tenant calls things, beside its records. */
export interface Known {
  /** Custom fields of the kind that are there, by position. */
  readonly fields: readonly Field[]
  readonly tags: readonly { readonly id: number; readonly name: string }[]
  /** By pipeline and position; deleted ones too. */
  readonly stages: readonly KnownStage[]
}

/** One column of a file of records. */
export interface FileColumn<View> {
  /** In the first row of a file, and in a mapping. */
  readonly name: string
  /** What else people call it. */
  readonly alias?: string
  /** Left out: it can be brought and does not go out. */
  readonly show?: (view: View) => string
  /** Where its value goes in an input. Left out: it is shown, and only its text can be read. */
  readonly member?: string
  /** The custom field that it is. */
  readonly field?: string
  /** What a cell says; its text is trimmed and not empty. */
  readonly read: (text: string) => ReadCell
  /** What an empty cell says; undefined leaves what is there. */
  readonly empty: unknown
}

export const asItIs = (value: string): ReadCell => ({ value })

/** A cell that is a whole number. */
export function wholeNumber(text: string): ReadCell {
  return /^-?\d{1,15}$/.test(text) ? { value: Number(text) } : { fault: 'expected a whole number' }
}

/** Columns of members that are texts, or nothing. */
export function textColumns<View>(...members: readonly (keyof View & string)[]): FileColumn<View>[] {
  return members.map((member) => ({
    name: member,
    show: (view) => showCustomValue(view[member]),
    member,
    read: asItIs,
    empty: null,
  }))
}

/** Columns of members that are numbers, or nothing. */
export function numberColumns<View>(...members: readonly (keyof View & string)[]): FileColumn<View>[] {
  return textColumns<View>(...members).map((column) => ({ ...column, read: wholeNumber }))
}

/**
 * Columns of members that are one of some names in lower case, which a file may write in any case; an empty cell leaves what
 * is there.
 */
export function choiceColumns<View>(
  choices: readonly string[],
  ...members: readonly (keyof View & string)[]
): FileColumn<View>[] {
  const read = (text: string): ReadCell => ({
    value: choices.find((choice) => choice === text.toLowerCase()) ?? text,
  })
  return textColumns<View>(...members).map((column) => ({ ...column, read, empty: undefined }))
}

/** Columns of members that are true or false; an empty cell leaves what is there. */
export function flagColumns<View>(...members: readonly (keyof View & string)[]): FileColumn<View>[] {
  return textColumns<View>(...members).map((column) => ({
    ...column,
    read: (text) => readCustomCell('checkbox', text),
    empty: undefined,
  }))
}

/** Columns that are shown and never written; their text can be an upsert key, or decide something else. */
export function shownColumns<View>(...members: readonly (keyof View & string)[]): FileColumn<View>[] {
  return textColumns<View>(...members).map(({ member: _written, ...column }) => column)
}

/** A column for each custom field. */
export function customColumns<View extends { readonly customFields: Readonly<Record<string, unknown>> }>({
  fields,
}: Pick<Known, 'fields'>): FileColumn<View>[] {
  return fields.map((field) => ({
    name: `customFields.${field.key}`,
    alias: field.label,
    show: ({ customFields }) => showCustomValue(customFields[field.key]),
    member: 'customFields',
    field: field.key,
    read: (text) => readCustomCell(field.type, text),
    empty: null,
  }))
}

/** Custom fields, tags and stages of a tenant as they are now. */
export async function loadKnown(query: Query, tenantId: string, entity: CustomFieldEntity): Promise<Known> {
  const fields = await query<Field>(
    `select key, label, type from custom_fields where tenant_id = $1 and entity = $2 and deleted_at is null order by position, id`,
    [tenantId, entity],
  )
  const tags = await query<{ id: number; name: string }>(
    'select id, name from tags where tenant_id = $1 and deleted_at is null',
    [tenantId],
  )
  const stages = await query<KnownStage>(
    `select s.id, s.name, s.kind, s.pipeline_id as "pipelineId", p.name as pipeline, p.is_default as "isDefault",
       s.deleted_at is null and p.deleted_at is null as "isOpenTo"
     from pipeline_stages s join pipelines p on p.tenant_id = s.tenant_id and p.id = s.pipeline_id
     where s.tenant_id = $1 order by p.is_default desc, s.pipeline_id, s.position, s.id`,
    [tenantId],
  )
  return { fields, tags, stages }
}
