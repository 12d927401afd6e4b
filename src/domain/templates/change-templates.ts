import { isDeepStrictEqual } from 'node:util'
import { readersOfChannels } from '../../log/scope.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { presentTemplate, type TemplateRow, templateColumns } from './present-template.ts'

/** When the network said what of a template, ISO 8601. */
export interface Told {
  /** Per column; `components` is the read of the list that brought them, `stale` the word that they changed. */
  readonly row?: Readonly<Record<string, string>>
  readonly detail?: Readonly<Record<string, string>>
}

/** What of a template the network decides. `columns` are name, language, status, category, quality and reason. */
export interface TemplateState {
  readonly columns: Readonly<Record<string, unknown>>
  /** In the network's form; null until they were read. */
  readonly components: readonly unknown[] | null
  readonly stale: boolean
  readonly detail: Readonly<Record<string, unknown>>
  readonly told: Told
}

interface HeldTemplate extends TemplateRow {
  readonly components: readonly unknown[] | null
  readonly detail: Readonly<Record<string, unknown>>
  readonly told: Told
}

/** Most of one fact: a name has 512 characters at most, explanations a few sentences. */
export const mostFactBytes = 16_384

/**
 * Changes templates of a channel, by the network's ids; those that we did not know get a row, of which everything is to be
 * read. `template.updated` once per template that changed. Answers whether components are to be read that were not before.
 * Nothing happens for a channel that is gone. Locks: the channel's row, then templates by id.
 */
export async function changeTemplates(
  tx: TenantTx,
  channelId: string,
  providerIds: readonly string[],
  change: (before: TemplateState, providerId: string) => TemplateState,
): Promise<{ readonly becameStale: boolean }> {
  // Keeps the readers of news and of the list from making the same template.
  const live = await tx.query(
    'select 1 from channels where tenant_id = $1 and id = $2 and deleted_at is null for no key update',
    [tx.tenantId, channelId],
  )
  if (live.length === 0 || providerIds.length === 0) return { becameStale: false }
  await insertUnknown(tx, channelId, providerIds)
  const held = await tx.query<HeldTemplate>(
    `select ${templateColumns}, t.components, t.detail, t.told from templates t
     where t.tenant_id = $1 and t.channel_id = $2 and t.provider_template_id = any($3) order by t.id for update`,
    [tx.tenantId, channelId, providerIds],
  )
  const changes = held.flatMap((row) => {
    const before = stateOf(row)
    const after = change(before, row.provider_template_id)
    const isNew = row.version === 0
    return isNew || !isDeepStrictEqual(after, before)
      ? [
          {
            ...after,
            id: row.id,
            visible: isNew || isVisible(before, after),
            becameStale: after.stale && (isNew || !before.stale),
          },
        ]
      : []
  })
  await write(tx, changes)
  return { becameStale: changes.some((one) => one.becameStale) }
}

/** Rows of version 0, which the change that follows makes complete. */
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

async function write(
  tx: TenantTx,
  changes: readonly (TemplateState & { readonly id: string; readonly visible: boolean })[],
): Promise<void> {
  if (changes.length === 0) return
  const written = await tx.query<TemplateRow>(
    `update templates t set name = v.name, language = v.language, status = v.status, category = v.category,
       quality = v.quality, reason = v.reason, components = v.components, stale = v.stale, detail = v.detail, told = v.told,
       version = t.version + v.visible::integer, updated_at = case when v.visible then $3 else t.updated_at end
     from json_to_recordset($2) as v(id uuid, name text, language text, status text, category text, quality text,
       reason text, components jsonb, stale boolean, detail jsonb, told jsonb, visible boolean)
     where t.tenant_id = $1 and t.id = v.id returning ${templateColumns}`,
    [tx.tenantId, JSON.stringify(changes.map(({ columns, ...rest }) => ({ ...columns, ...rest }))), tx.now],
  )
  const visible = new Set(changes.filter((one) => one.visible).map(({ id }) => id))
  for (const row of written)
    if (visible.has(row.id))
      tx.record('template.updated', { template: presentTemplate(row) }, readersOfChannels, {
        kind: 'provider',
      })
}

function stateOf(row: HeldTemplate): TemplateState {
  const { name, language, status, category, quality, reason, components, stale, detail, told } = row
  return {
    columns: { name, language, status, category, quality, reason },
    components,
    stale,
    detail,
    told,
  }
}

/** Components are not in the view, but who shows them must hear that there are others. */
function isVisible(before: TemplateState, after: TemplateState): boolean {
  return (
    before.stale !== after.stale ||
    !isDeepStrictEqual(before.columns, after.columns) ||
    !isDeepStrictEqual(before.components, after.components)
  )
}
