import { readTenant } from '../../log/read-tenant.ts'
import { inTenant, type LogDeps, type TenantTx } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import type { ProviderError } from '../../providers/inbound.ts'
import type { ProviderAdapter, ProviderChannel } from '../../providers/port.ts'
import { providers } from '../../providers/registry.ts'
import { loadChannelForProvider } from '../channels/load-channel.ts'
import { providerIo } from '../channels/provider-io.ts'
import { recordChannelNews } from '../channels/record-channel-news.ts'
import type { EncryptionConfig } from '../channels/secrets.ts'
import { recordMissingTemplates, recordTemplateList } from './record-template-list.ts'

export type TemplateSyncDeps = LogDeps &
  Parameters<typeof providerIo>[0] & {
    readonly config: EncryptionConfig &
      Parameters<typeof recordChannelNews>[1]['config'] &
      Pick<Config, 'TEMPLATES_PER_CHANNEL' | 'TEMPLATE_SYNC_HOURS'>
  }

/** `none`: not due, or in somebody else's hands, or a network without templates. */
export type TemplateSync = 'read' | 'failed' | 'none'

/** Whoever reads a list has it for so long after each page; then somebody else may begin anew. Pages written by both do no harm. */
const leaseMs = 60_000
/** A list that takes longer is left where it is. */
const longestReadMs = 900_000
/** A network that gives no answer is not asked more often than this. */
const leastPauseMs = 60_000
/** News comes with the second, the list is read at a moment: what was said in the same second counts as news. */
const newsResolutionMs = 1000

interface Key {
  readonly tenantId: string
  readonly channelId: string
}

/** A list in one's hands. `due` is when it would be due again, by the database's clock, which the sweep goes by too. */
interface Lease {
  due: string
}

/** What came of reading a list, as the channel's health shows it. */
type Outcome =
  | { readonly state: 'read'; readonly templates: number; readonly whole: boolean }
  | {
      readonly state: 'refused' | 'later'
      readonly error: ProviderError
      readonly pauseMs: number
    }

/**
 * Reads the whole list of a number's templates from its network, when it is due (channels.templates_due_at): when the number
 * was connected or checked, when a template is new or its components changed, and every TEMPLATE_SYNC_HOURS. Pages are
 * written as they come; when the whole list was read, templates that it does not hold are `DELETED`. How it went is in
 * the channel's health. No transaction is open during a call. Fails with `unavailable` while the database is away.
 */
export async function syncTemplates(deps: TemplateSyncDeps, key: Key): Promise<TemplateSync> {
  const lease = await takeDue(deps, key)
  if (lease === null) return 'none'
  const channel = await readTenant(deps, key.tenantId, (query) =>
    loadChannelForProvider({ query }, deps.config, key.channelId),
  )
  const list = channel && providers[channel.provider].listTemplates
  if (!channel || !list) {
    await inTenant(deps, key.tenantId, (tx) => setDue(tx, key, lease, null))
    return 'none'
  }
  const outcome = await readList(deps, key, channel, list, lease)
  await inTenant(deps, key.tenantId, async (tx) => {
    await recordChannelNews(tx, deps, key.channelId, [
      { kind: 'channel', at: tx.now, what: 'templates', health: { templates: shown(outcome) } },
    ])
    const pauseMs = outcome.state === 'later' ? outcome.pauseMs : deps.config.TEMPLATE_SYNC_HOURS * 3_600_000
    await setDue(tx, key, lease, pauseMs)
  })
  return outcome.state === 'read' ? 'read' : 'failed'
}

/** Takes the list into one's hands; null when it is not due. */
async function takeDue(deps: TemplateSyncDeps, key: Key): Promise<Lease | null> {
  return inTenant(deps, key.tenantId, async (tx) => {
    const [row] = await tx.query<{ due: string }>(
      `update channels set templates_due_at = date_trunc('milliseconds', clock_timestamp()) + make_interval(secs => $3)
       where tenant_id = $1 and id = $2 and deleted_at is null and templates_due_at <= clock_timestamp()
       returning templates_due_at as due`,
      [tx.tenantId, key.channelId, leaseMs / 1000],
    )
    return row ?? null
  })
}

/** Keeps the list in one's hands, unless somebody asked for it or took it since. */
async function keepDue(tx: TenantTx, key: Key, lease: Lease): Promise<void> {
  const [row] = await tx.query<Lease>(
    `update channels set templates_due_at = date_trunc('milliseconds', clock_timestamp()) + make_interval(secs => $4)
     where tenant_id = $1 and id = $2 and templates_due_at = $3 returning templates_due_at as due`,
    [tx.tenantId, key.channelId, lease.due, leaseMs / 1000],
  )
  if (row) tx.onCommit(() => Object.assign(lease, row))
}

/** The list is due again after so long, or never; unless somebody asked for it since it was taken, then that stays. */
async function setDue(tx: TenantTx, key: Key, lease: Lease, pauseMs: number | null): Promise<void> {
  await tx.query(
    `update channels set templates_due_at = clock_timestamp() + make_interval(secs => $4)
     where tenant_id = $1 and id = $2 and templates_due_at = $3`,
    [tx.tenantId, key.channelId, lease.due, pauseMs === null ? null : pauseMs / 1000],
  )
}

async function readList(
  deps: TemplateSyncDeps,
  key: Key,
  channel: ProviderChannel,
  list: NonNullable<ProviderAdapter['listTemplates']>,
  lease: Lease,
): Promise<Outcome> {
  const io = providerIo(deps)
  const beganAt = deps.clock.now().getTime()
  const readAt = new Date(Math.floor(beganAt / newsResolutionMs) * newsResolutionMs - newsResolutionMs)
  const most = deps.config.TEMPLATES_PER_CHANNEL
  const ids = new Set<string>()
  let whole = true
  for (let after: string | null = null; ; ) {
    const page = await list(channel, io, after)
    if (page.kind === 'refused') return { state: 'refused', error: page.error, pauseMs: 0 }
    if (page.kind === 'later')
      return { state: 'later', error: page.error, pauseMs: Math.max(page.afterMs, leastPauseMs) }
    const room = most - ids.size
    const taken = page.templates.slice(0, room)
    if (taken.length < page.templates.length || page.unreadable > 0) whole = false
    await inTenant(deps, key.tenantId, async (tx) => {
      await recordTemplateList(tx, key.channelId, taken, readAt)
      await keepDue(tx, key, lease)
    })
    for (const { providerTemplateId } of taken) ids.add(providerTemplateId)
    if (page.next === null) break
    const isOutOfTime = deps.clock.now().getTime() - beganAt > longestReadMs
    if (ids.size >= most || taken.length === 0 || isOutOfTime) {
      whole = false
      break
    }
    after = page.next
  }
  if (whole)
    await inTenant(deps, key.tenantId, (tx) => recordMissingTemplates(tx, key.channelId, ids, readAt))
  return { state: 'read', templates: ids.size, whole }
}

function shown(outcome: Outcome): Record<string, unknown> {
  if (outcome.state === 'read') return { ...outcome }
  const { code, title, detail } = outcome.error
  return { state: outcome.state, code, title, detail }
}
