import type { TenantTx } from '../../log/tenant-tx.ts'
import type { ListedTemplate } from '../../providers/port.ts'
import { withNewer } from '../channels/newer-facts.ts'
import { changeTemplates, mostFactBytes, type TemplateState } from './change-templates.ts'

/**
 * Writes down a part of the list as it was read at `readAt`. News from after that moment counts more; components are the
 * list's alone, and no longer stale unless they changed since.
 */
export async function recordTemplateList(
  tx: TenantTx,
  channelId: string,
  templates: readonly ListedTemplate[],
  readAt: Date,
): Promise<void> {
  const listed = new Map(templates.map((template) => [template.providerTemplateId, template]))
  await changeTemplates(tx, channelId, [...listed.keys()], (before, providerId) => {
    const template = listed.get(providerId)
    return template ? asListed(before, template, readAt) : before
  })
}

/** Templates that a whole list of `readAt` did not hold are gone at the network, unless it has spoken of them since. */
export async function recordMissingTemplates(
  tx: TenantTx,
  channelId: string,
  listedIds: ReadonlySet<string>,
  readAt: Date,
): Promise<void> {
  const rows = await tx.query<{ provider_template_id: string }>(
    `select provider_template_id from templates
     where tenant_id = $1 and channel_id = $2 and status is distinct from 'DELETED'`,
    [tx.tenantId, channelId],
  )
  const missing = rows.map((row) => row.provider_template_id).filter((id) => !listedIds.has(id))
  await changeTemplates(tx, channelId, missing, (before) =>
    said(before, { status: 'DELETED', reason: null }, readAt),
  )
}

function asListed(before: TemplateState, template: ListedTemplate, readAt: Date): TemplateState {
  const { name, language, status, category, quality, reason, components } = template
  const columns = {
    name,
    language,
    status,
    category,
    quality,
    reason: status === undefined ? undefined : (reason ?? null),
  }
  const after = said(before, columns, readAt)
  const detail = withNewer(
    { values: before.detail, times: before.told.detail ?? {} },
    template.detail,
    readAt,
    mostFactBytes,
  )
  const times = after.told.row ?? {}
  return {
    ...after,
    components,
    stale: times.stale !== undefined && Date.parse(times.stale) > readAt.getTime(),
    detail: detail.values,
    told: { row: { ...times, components: readAt.toISOString() }, detail: detail.times },
  }
}

function said(before: TemplateState, columns: Readonly<Record<string, unknown>>, at: Date): TemplateState {
  const row = withNewer({ values: before.columns, times: before.told.row ?? {} }, columns, at, mostFactBytes)
  return { ...before, columns: row.values, told: { ...before.told, row: row.times } }
}
