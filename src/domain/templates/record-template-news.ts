import type { TenantTx } from '../../log/tenant-tx.ts'
import type { InboundTemplateUpdate } from '../../providers/inbound.ts'
import { isNewer, timeOfNews, withNewer } from '../channels/newer-facts.ts'
import { askForTemplates } from './ask-for-templates.ts'
import { changeTemplates, mostFactBytes, type TemplateState } from './change-templates.ts'

/**
 * Writes down what the network says of a channel's templates (NEWS5). News of an account concerns each of its channels and
 * is recorded for each. When components must be read anew, the channel's list is asked for.
 */
export async function recordTemplateNews(
  tx: TenantTx,
  channelId: string,
  news: readonly InboundTemplateUpdate[],
): Promise<void> {
  if (news.length === 0) return
  const byTemplate = Map.groupBy(news, (item) => item.providerTemplateId)
  const { becameStale } = await changeTemplates(tx, channelId, [...byTemplate.keys()], (before, providerId) =>
    (byTemplate.get(providerId) ?? []).reduce((state, item) => hearNews(state, item, tx.now), before),
  )
  if (becameStale) await askForTemplates(tx, channelId)
}

/** The template after one more word of the network. A state comes with its reason, or takes the former one away. */
function hearNews(before: TemplateState, news: InboundTemplateUpdate, now: Date): TemplateState {
  const at = timeOfNews(news.at, now)
  const { name, language, status, category, quality } = news
  const reason = status === undefined ? news.reason : (news.reason ?? null)
  const times = before.told.row ?? {}
  const row = withNewer(
    { values: before.columns, times },
    { name, language, status, category, quality, reason },
    at,
    mostFactBytes,
  )
  const detail = withNewer(
    { values: before.detail, times: before.told.detail ?? {} },
    news.detail,
    at,
    mostFactBytes,
  )
  const isStaleNews = news.stale === true && isNewer(at, times.stale)
  return {
    ...before,
    columns: row.values,
    // What was said before the list was read is settled by it.
    stale: before.stale || (isStaleNews && isNewer(at, times.components)),
    detail: detail.values,
    told: { row: isStaleNews ? { ...row.times, stale: at.toISOString() } : row.times, detail: detail.times },
  }
}
