import { Failure } from '../../contract/errors.ts'
import type { TemplateDetail } from '../../contract/rest/templates.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { presentTemplate, type TemplateRow, templateColumns } from './present-template.ts'

type Query = TenantTx['query']

/** A template with what is needed to fill it in. */
export interface TemplateDetailRow extends TemplateRow {
  readonly components: unknown[] | null
  readonly detail: Record<string, unknown>
}

const columns = `${templateColumns}, t.components, t.detail`

export interface TemplateFilter {
  readonly channelId?: string | undefined
  readonly status?: string | undefined
  /** A part of the name. */
  readonly text?: string | undefined
}

/** Where a list of templates goes on: name, language and id of the last one given. */
export type TemplatePlace = readonly [name: string, language: string, id: string]

/** Templates of this tenant's live channels by name, after the given place, at most `limit`. */
export function listTemplates(
  query: Query,
  filter: TemplateFilter,
  after: TemplatePlace | null,
  limit: number,
): Promise<TemplateDetailRow[]> {
  return query<TemplateDetailRow>(
    `select ${columns} from templates t join channels c on c.tenant_id = t.tenant_id and c.id = t.channel_id
     where t.tenant_id = (select current_tenant()) and c.deleted_at is null
       and ($1::uuid is null or t.channel_id = $1) and ($2::text is null or t.status = $2)
       and ($3::text is null or position(lower($3) in lower(t.name)) > 0)
       and ($6::uuid is null or (coalesce(t.name, ''), coalesce(t.language, ''), t.id) > ($4, $5, $6))
     order by coalesce(t.name, ''), coalesce(t.language, ''), t.id limit $7`,
    [filter.channelId, filter.status, filter.text, ...(after ?? [null, null, null]), limit],
  )
}

/** One template of a live channel. Fails with `not_found`. */
export async function getTemplate(query: Query, id: string): Promise<TemplateDetailRow> {
  const [row] = await query<TemplateDetailRow>(
    `select ${columns} from templates t join channels c on c.tenant_id = t.tenant_id and c.id = t.channel_id
     where t.tenant_id = (select current_tenant()) and t.id = $1 and c.deleted_at is null`,
    [id],
  )
  if (!row) throw new Failure('not_found')
  return row
}

/** Row → wire. */
export function presentTemplateDetail(row: TemplateDetailRow): TemplateDetail {
  return { ...presentTemplate(row), components: row.components, detail: row.detail }
}

export function placeOfTemplate(row: TemplateRow): TemplatePlace {
  return [row.name ?? '', row.language ?? '', row.id]
}
