import { inTenant, type TenantTx } from '../../log/tenant-tx.ts'
import { isCollision, isUnavailable, isUniqueViolation } from '../../platform/db.ts'
import type { PoisonPart } from '../../providers/inbound.ts'
import { type HeldInbox, holdInbox } from './hold-inbox.ts'
import {
  claimAgain,
  claimDeliveries,
  countFailure,
  endDeliveries,
  quarantine,
  type WaitingDelivery,
} from './inbox.ts'
import {
  type IngestDeps,
  type Ingested,
  type IngestKey,
  nothing,
  processDeliveries,
} from './process-deliveries.ts'
import { readDelivery } from './read-delivery.ts'
import { recordItems } from './record-items.ts'

/**
 * Processes what waits in the inbox of a channel, the oldest first: one batch of it, in one transaction with everything that follows
 * from it, or those that failed before when nothing else waits. `more`: there may be more. Of all processes one at a time works
 * on a channel, so that messages stay in order and people are made once (IN2).
 *
 * A batch that fails is done delivery by delivery, and a delivery that fails is done part by part, so that nothing holds up
 * its neighbours: parts that cannot be used are kept with their reason in a delivery that is `parked` (IN3). Reasons
 * that may pass are tried WEBHOOK_ATTEMPTS times; those of `failedAt` are not tried again now, and whatever fails is added to it.
 * Fails with `unavailable` while the database is away; nothing is lost.
 */
export async function ingestNext(
  deps: IngestDeps,
  key: IngestKey,
  failedAt: Set<number>,
): Promise<Ingested & { readonly more: boolean }> {
  const next = await takeBatch(deps, key)
  const ids = next.kind === 'failed' ? next.ids : (next.again ?? []).filter((id) => !failedAt.has(id))
  const done: Ingested[] = next.kind === 'done' ? [next] : []
  for (const id of ids) done.push(await ingestOne(deps, key, id, failedAt))
  return {
    deliveries: done.reduce((sum, { deliveries }) => sum + deliveries, 0),
    presences: done.flatMap(({ presences }) => presences),
    more: next.kind === 'failed' || next.again === null,
  }
}

type Batch =
  /** `again`: those that failed before, when nothing else waits; null when more may wait. */
  | ({ readonly kind: 'done'; readonly again: readonly number[] | null } & Ingested)
  | { readonly kind: 'failed'; readonly ids: number[] }

async function takeBatch(deps: IngestDeps, key: IngestKey): Promise<Batch> {
  const { WEBHOOK_BATCH: most, WEBHOOK_BATCH_BYTES: mostBytes } = deps.config
  let claimed: readonly WaitingDelivery[] = []
  let again: readonly number[] | null = []
  try {
    const claim = (tx: TenantTx) => claimDeliveries(tx, key.channelId, { most, mostBytes })
    const done = await inInbox(deps, key, claim, async (tx, inbox, { deliveries, isAll }) => {
      claimed = deliveries
      // A look that would find nothing is spared.
      again = isAll ? inbox.failed : null
      return processDeliveries(deps, tx, key.channelId, inbox, deliveries)
    })
    return { kind: 'done', again, ...done }
  } catch (error) {
    if (isUnavailable(error)) throw error
    // Somebody else has been at it for longer than one waits; it goes on where they stop, or at the next look.
    if (claimed.length === 0 && mayPass(error)) return { kind: 'done', again: [], ...nothing }
    if (claimed.length === 0) throw error
    deps.log.debug({ ...key, reason: String(error) }, 'a batch of deliveries is done one by one')
    return { kind: 'failed', ids: claimed.map((one) => one.id) }
  }
}

async function ingestOne(
  deps: IngestDeps,
  key: IngestKey,
  id: number,
  failedAt: Set<number>,
): Promise<Ingested> {
  try {
    return await inInbox(
      deps,
      key,
      (tx) => claimAgain(tx, [id]),
      (tx, inbox, claimed) => processDeliveries(deps, tx, key.channelId, inbox, claimed),
    )
  } catch (error) {
    if (isUnavailable(error)) throw error
    if (!mayPass(error)) return ingestByParts(deps, key, id, failedAt, error)
    return fail(deps, key, id, failedAt, error)
  }
}

/** Each part of a delivery by itself, in one transaction; those that fail are set aside. */
async function ingestByParts(
  deps: IngestDeps,
  key: IngestKey,
  id: number,
  failedAt: Set<number>,
  why: unknown,
): Promise<Ingested> {
  deps.log.warn({ ...key, delivery: id, err: why }, 'a delivery is processed part by part')
  try {
    const claim = (tx: TenantTx) => claimAgain(tx, [id])
    return await inInbox(deps, key, claim, async (tx, inbox, [delivery]) => {
      if (!delivery) return nothing
      const read = readDelivery(inbox, delivery)
      const poison: PoisonPart[] = [...read.poison]
      for (const one of read.received) {
        try {
          await tx.attempt(() => recordItems(tx, deps, key.channelId, [one]))
        } catch (error) {
          if (isUnavailable(error) || mayPass(error)) throw error
          poison.push({ reason: `it could not be stored: ${messageOf(error)}`, raw: one.item })
        }
      }
      endDeliveries(tx, [{ id, poison }])
      return { deliveries: 1, presences: read.presences }
    })
  } catch (error) {
    if (isUnavailable(error)) throw error
    return fail(deps, key, id, failedAt, error)
  }
}

async function fail(
  deps: IngestDeps,
  key: IngestKey,
  id: number,
  failedAt: Set<number>,
  error: unknown,
): Promise<Ingested> {
  failedAt.add(id)
  const state = await inTenant(deps, key.tenantId, (tx) =>
    countFailure(tx, id, messageOf(error), deps.config.WEBHOOK_ATTEMPTS),
  )
  deps.log.warn({ ...key, delivery: id, state, err: error }, 'a delivery could not be processed')
  return nothing
}

/** Waited too long or met others head-on: the next time it may work. Anything else fails the same way every time. */
export function mayPass(error: unknown): boolean {
  const { code } = error as { code?: string }
  return (
    isCollision(error) || isUniqueViolation(error) || code === '55P03' || code === '57014' || code === '40003'
  )
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

const mostTries = 3

/**
 * Work on the inbox of a channel, which nobody else works on until it is committed. A number that was removed and a tenant
 * that was suspended meanwhile keep what came for them, unprocessed. Ids that the answer to a send took at the same
 * moment are looked at again. What `claim` takes is claimed under the lock, and asked for together with it.
 */
async function inInbox<Claim>(
  deps: IngestDeps,
  key: IngestKey,
  claim: (tx: TenantTx) => Promise<Claim>,
  work: (tx: TenantTx, inbox: HeldInbox, claimed: Claim) => Promise<Ingested>,
): Promise<Ingested> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await inTenant(
        deps,
        key.tenantId,
        async (tx) => {
          const [inbox, claimed] = await Promise.all([
            holdInbox(tx, key.channelId, deps.config.WEBHOOK_BATCH),
            claim(tx),
          ])
          if (inbox && !inbox.removed && inbox.active) return work(tx, inbox, claimed)
          await quarantine(
            tx,
            key.channelId,
            inbox?.active === false ? 'tenant_suspended' : 'channel_removed',
          )
          return nothing
        },
        { kind: 'provider' },
        'once for all',
      )
    } catch (error) {
      if (!isUniqueViolation(error, 'messages_one_per_provider_id') || attempt === mostTries) throw error
    }
  }
}
