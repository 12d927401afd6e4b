import { listFailedMedia, redriveMedia } from '../domain/media/redrive-media.ts'
import { findTenant, listTenants, type TenantView } from '../domain/tenants/find-tenant.ts'
import {
  adoptDelivery,
  listUnownedDeliveries,
  type UnownedDelivery,
} from '../domain/webhooks/adopt-deliveries.ts'
import {
  listStuckDeliveries,
  redriveDeliveries,
  type StuckDelivery,
} from '../domain/webhooks/redrive-deliveries.ts'
import { readTenant } from '../log/read-tenant.ts'
import { deadJobs } from '../platform/dead-jobs.ts'
import { ServerAway } from './failure.ts'
import type { Installation } from './installation.ts'
import { asOperator, operatorName } from './operator.ts'
import type { StuckItem, StuckKind } from './stuck-items.ts'

export interface Wanted {
  readonly kinds: readonly StuckKind[]
  readonly tenantId: string | undefined
  readonly channelId: string | undefined
  readonly id: string | undefined
  /** Most items of each kind. */
  readonly limit: number
  /** Try them again, instead of looking only. */
  readonly redrive: boolean
}

/** Everything that is wanted, kind by kind, tenant by tenant; tried again on the way when that is wanted too. */
export async function collectStuck(installation: Installation, wanted: Wanted): Promise<StuckItem[]> {
  const tenants = await tenantsOf(installation, wanted.tenantId)
  const items: StuckItem[] = []
  for (const kind of wanted.kinds) {
    if (kind === 'jobs') {
      items.push(...(await jobs(installation, wanted)))
      continue
    }
    const ofKind: StuckItem[] = []
    for (const tenant of tenants) {
      const limit = wanted.limit - ofKind.length
      if (limit <= 0) break
      const some = { ...wanted, limit }
      ofKind.push(
        ...(kind === 'media'
          ? await media(installation, tenant, some)
          : await deliveries(installation, tenant, kind, some)),
      )
    }
    if (kind === 'quarantined' && wanted.tenantId === undefined && wanted.channelId === undefined)
      ofKind.push(...(await unowned(installation, { ...wanted, limit: wanted.limit - ofKind.length })))
    items.push(...ofKind)
  }
  return items
}

async function tenantsOf(installation: Installation, id: string | undefined): Promise<TenantView[]> {
  if (id === undefined) return listTenants(installation)
  const tenant = await findTenant(installation, id)
  return tenant ? [tenant] : []
}

async function deliveries(
  installation: Installation,
  tenant: TenantView,
  state: StuckDelivery['state'],
  { channelId, id, limit, redrive }: Wanted,
): Promise<StuckItem[]> {
  const filter = { state, channelId, id: id === undefined ? undefined : Number(id), limit }
  const item = (delivery: StuckDelivery, outcome: StuckItem['outcome'], why?: string): StuckItem => ({
    kind: state,
    id: String(delivery.id),
    tenant: tenant.slug,
    channelId: delivery.channelId,
    since: delivery.receivedAt,
    attempts: delivery.attempts,
    reason: delivery.reason,
    outcome,
    ...(why !== undefined && { why }),
  })
  if (!redrive) {
    const found = await readTenant(installation, tenant.id, (query) => listStuckDeliveries(query, filter))
    return found.map((delivery) => item(delivery, 'listed'))
  }
  const { redriven, left } = await asOperator(installation, tenant.id, (tx, by) =>
    redriveDeliveries(tx, by, filter),
  )
  return [
    ...redriven.map((delivery) => item(delivery, 'redriven')),
    ...left.map(({ delivery, why }) => item(delivery, 'left', why)),
  ]
}

/** Deliveries of a page; each is judged by itself. */
const page = 100

async function unowned(installation: Installation, { id, limit, redrive }: Wanted): Promise<StuckItem[]> {
  const items: StuckItem[] = []
  let after = id === undefined ? 0 : Number(id) - 1
  const most = id === undefined ? limit : 1
  while (items.length < most) {
    const found = await listUnownedDeliveries(installation, after, Math.min(page, most - items.length))
    for (const delivery of found) {
      if (id !== undefined && delivery.id !== Number(id)) return items
      items.push(await unownedItem(installation, delivery, redrive))
      after = delivery.id
    }
    if (found.length === 0) break
  }
  return items
}

async function unownedItem(
  installation: Installation,
  delivery: UnownedDelivery,
  redrive: boolean,
): Promise<StuckItem> {
  const item = {
    kind: 'quarantined',
    id: String(delivery.id),
    tenant: null,
    channelId: null,
    since: delivery.receivedAt,
    attempts: 0,
    reason: delivery.reason,
  } as const
  if (!redrive) return { ...item, outcome: 'listed' }
  const { owners, left } = await adoptDelivery(installation, operatorName(), delivery.id)
  const [owner] = owners
  if (left !== null) return { ...item, channelId: owner?.channelId ?? null, outcome: 'left', why: left }
  const tenant = owner && (await findTenant(installation, owner.tenantId))
  return { ...item, tenant: tenant?.slug ?? null, channelId: owner?.channelId ?? null, outcome: 'redriven' }
}

async function media(installation: Installation, tenant: TenantView, filter: Wanted): Promise<StuckItem[]> {
  const files = filter.redrive
    ? await asOperator(installation, tenant.id, (tx, by) => redriveMedia(tx, by, filter))
    : await readTenant(installation, tenant.id, (query) => listFailedMedia(query, filter))
  return files.map((file) => ({
    kind: 'media',
    id: file.id,
    tenant: tenant.slug,
    channelId: file.channelId,
    since: file.createdAt,
    attempts: file.attempts,
    reason: file.reason,
    outcome: filter.redrive ? 'redriven' : 'listed',
  }))
}

/** Nudges name a tenant and a channel in their data, but they are looked for by queue only. */
async function jobs(installation: Installation, { kinds, limit, redrive }: Wanted): Promise<StuckItem[]> {
  if (installation.redis === undefined) {
    if (kinds.length > 1) return []
    throw new ServerAway('Redis does not answer, and dead jobs are nowhere else')
  }
  const found = await deadJobs(installation.redis, installation.config, { limit, retry: redrive })
  return found.map((job) => ({
    kind: 'jobs',
    id: `${job.queue}/${job.id}`,
    tenant: null,
    channelId: null,
    since: job.failedAt,
    attempts: null,
    reason: job.reason,
    outcome: redrive ? 'redriven' : 'listed',
  }))
}
