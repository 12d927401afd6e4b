import { isDeepStrictEqual } from 'node:util'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import type { InboundTemplateUpdate } from '../../providers/port.ts'
import { isNewer, timeOfNews, withNewer } from '../channels/newer-facts.ts'
import { presentTemplate, type TemplateRow, templateColumns } from './present-template.ts'

/** When the network said what of a template. */
interface Told {
  readonly row?: Readonly<Record<string, string>>
  readonly detail?: Readonly<Record<string, string>>
}

interface HeldTemplate extends TemplateRow {
  readonly detail: Readonly<Record<string, unknown>>
  readonly told: Told
}

/** What news may change of a row. */
interface Change {
  readonly columns: Readonly<Record<string, unknown>>
  readonly stale: boolean
  readonly detail: Readonly<Record<string, unknown>>
  readonly told: Told
}

/** Most of one fact: a name has 512 characters at most, explanations a few sentences. */
const mostFactBytes = 16_384

/**
 * Writes down what the network says of a channel's templates, by the network's ids; a template that we did not know gets a
 * row. News of an account concerns each of its channels and is recorded for each. `template.updated` once per template that
 * changed; components that must be read anew are asked for. Locks: the channel's row, then templates by id.
 */
export async function recordTemplateNews(
  tx: TenantTx,
  channelId: string,
  news: readonly InboundTemplateUpdate[],
): Promise<void> {
  if (news.length === 0) return
  // Also keeps two writers from making the same template, and whoever reads the list from writing beside us.
  const live = await tx.query(
    'select 1 from channels where tenant_id = $1 and id = $2 and deleted_at is null for no key update',
    [tx.tenantId, channelId],
  )
  if (live.length === 0) return
  const byTemplate = Map.groupBy(news, (item) => item.providerTemplateId)
  await insertUnknown(tx, channelId, [...byTemplate.keys()])
  const held = await tx.query<HeldTemplate>(
    `select ${templateColumns}, t.detail, t.told from templates t
     where t.tenant_id = $1 and t.channel_id = $2 and t.provider_template_id = any($3) order by t.id for update`,
    [tx.tenantId, channelId, [...byTemplate.keys()]],
  )
  const changes = held.map((row) => {
    const before = stateOf(row)
    const items = byTemplate.get(row.provider_template_id) ?? []
    const after = items.reduce((state, item) => hearNews(state, item, tx.now), before)
    const isVisible =
      row.version === 0 || after.stale !== before.stale || !isDeepStrictEqual(after.columns, before.columns)
    return { row, after, isVisible, becameStale: after.stale && (row.version === 0 || !before.stale) }
  })
  const written = await tx.query<TemplateRow>(
    `update templates t set name = v.name, language = v.language, status = v.status, category = v.category, quality = v.quality,
       reason = v.reason, stale = v.stale, detail = v.detail, told = v.told, version = t.version + v.visible::integer,
       updated_at = case when v.visible then $3 else t.updated_at end
     from json_to_recordset($2) as v(id uuid, name text, language text, status text, category text, quality text, reason text,
       stale boolean, detail jsonb, told jsonb, visible boolean)
     where t.tenant_id = $1 and t.id = v.id returning ${templateColumns}`,
    [
      tx.tenantId,
      JSON.stringify(
        changes.map(({ row, after: { columns, ...rest }, isVisible }) => ({
          id: row.id,
          ...columns,
          ...rest,
          visible: isVisible,
        })),
      ),
      tx.now,
    ],
  )
  const visible = new Set(changes.filter((change) => change.isVisible).map(({ row }) => row.id))
  for (const row of written)
    if (visible.has(row.id))
      tx.record(
        'template.updated',
        { template: presentTemplate(row) },
        { kind: 'tenant' },
        { kind: 'provider' },
      )
  if (changes.some((change) => change.becameStale)) await askForComponents(tx, channelId)
}

/** Rows of version 0, which the news that follows makes complete. Of a template without components everything is to be read. */
async function insertUnknown(tx: TenantTx, channelId: string, ids: readonly string[]): Promise<void> {
  await tx.query(
    `insert into templates (tenant_id, id, channel_id, provider_template_id, stale, version, created_at, updated_at)
     select $1, v.id, $2, v."providerId", true, 0, $4, $4 from json_to_recordset($3) as v(id uuid, "providerId" text)
     on conflict (tenant_id, channel_id, provider_template_id) do nothing`,
    [
      tx.tenantId,
      channelId,
      JSON.stringify(ids.map((providerId) => ({ id: uuidv7(tx.now.getTime()), providerId }))),
      tx.now,
    ],
  )
}

function stateOf({
  name,
  language,
  status,
  category,
  quality,
  reason,
  stale,
  detail,
  told,
}: HeldTemplate): Change {
  return { columns: { name, language, status, category, quality, reason }, stale, detail, told }
}

/** The template after one more word of the network. A state comes with its reason, or takes the former one away. */
function hearNews(before: Change, news: InboundTemplateUpdate, now: Date): Change {
  const at = timeOfNews(news.at, now)
  const { name, language, status, category, quality, reason } = news
  const said = {
    name,
    language,
    status,
    category,
    quality,
    reason: status === undefined ? reason : (reason ?? null),
  }
  const rowTimes = before.told.row ?? {}
  const row = withNewer({ values: before.columns, times: rowTimes }, said, at, mostFactBytes)
  const detailTimes = before.told.detail ?? {}
  const detail = withNewer({ values: before.detail, times: detailTimes }, news.detail, at, mostFactBytes)
  return {
    columns: row.values,
    // `components` is when the list was last read (sync-templates.ts); news from before that is settled by it.
    stale: before.stale || (news.stale === true && isNewer(at, rowTimes.components)),
    detail: detail.values,
    told: { row: row.times, detail: detail.times },
  }
}

async function askForComponents(tx: TenantTx, channelId: string): Promise<void> {
  await tx.query(
    'update channels set templates_due_at = least(templates_due_at, $3) where tenant_id = $1 and id = $2',
    [tx.tenantId, channelId, tx.now],
  )
}
