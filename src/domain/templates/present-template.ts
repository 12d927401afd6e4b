import type { TemplateView } from '../../contract/channel.ts'

/** A template as it is shown. Timestamps are ISO text. */
export interface TemplateRow {
  readonly id: string
  readonly channel_id: string
  readonly provider_template_id: string
  readonly name: string | null
  readonly language: string | null
  readonly status: string | null
  readonly category: string | null
  readonly quality: string | null
  readonly reason: string | null
  readonly stale: boolean
  readonly updated_at: string
  readonly version: number
}

/** The columns of TemplateRow, for `select … from templates t`. */
export const templateColumns = `t.id, t.channel_id, t.provider_template_id, t.name, t.language, t.status, t.category, t.quality, t.reason,
  t.stale, t.updated_at, t.version`

/** Row → wire. */
export function presentTemplate(row: TemplateRow): TemplateView {
  return {
    id: row.id,
    channelId: row.channel_id,
    providerTemplateId: row.provider_template_id,
    name: row.name,
    language: row.language,
    status: row.status,
    category: row.category,
    quality: row.quality,
    reason: row.reason,
    stale: row.stale,
    updatedAt: row.updated_at,
    version: row.version,
  }
}
