import { inTenants } from '../../log/in-tenants.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { isUnavailable } from '../../platform/db.ts'
import { tryInbox } from './hold-inbox.ts'
import { mayPass } from './ingest-channel.ts'
import { type Claim, claimDeliveries } from './inbox.ts'
import { type IngestDeps, type Ingested, type IngestKey, processDeliveries } from './process-deliveries.ts'

/** What a shared look did at an inbox, and what it left there: more of the same, or what failed before. */
export interface Looked {
  readonly ingested: Ingested
  readonly left: 'nothing' | 'more' | 'failed before'
}

/**
 * Processes what waits in the inboxes of channels, each of another tenant, in one transaction: a look at one inbox is mostly
 * round trips, statements that find one row, and a commit, which they share (docs/measurements.md). What cannot go that way is
 * left for `ingestNext`, so that nothing holds up its neighbours for longer than WEBHOOK_TOGETHER_LOCK_MS (IN10): an inbox that somebody
 * else has, a number that is removed, a delivery that failed before, and all of them when anything fails. Each takes an equal part of
 * WEBHOOK_BATCH and WEBHOOK_BATCH_BYTES; who has more waiting takes a turn again.
 *
 * Answers in the order of the channels, without those of whom nothing was done. Fails with `unavailable` while the database is
 * away.
 */
export async function ingestTogether(
  deps: IngestDeps,
  keys: readonly IngestKey[],
): Promise<(Looked | undefined)[]> {
  const {
    WEBHOOK_BATCH: mostOfAll,
    WEBHOOK_BATCH_BYTES: bytesOfAll,
    WEBHOOK_TOGETHER_LOCK_MS: lockMs,
  } = deps.config
  const mostOfEach = {
    most: Math.ceil(mostOfAll / keys.length),
    mostBytes: Math.floor(bytesOfAll / keys.length),
  }
  const shares = keys.map(({ tenantId, channelId }) => ({
    tenantId,
    work: (tx: TenantTx) => look(deps, tx, channelId, mostOfEach),
  }))
  try {
    return await inTenants(deps, shares, { kind: 'provider' }, lockMs)
  } catch (error) {
    if (isUnavailable(error)) throw error
    deps.metrics.webhookLooksFailed.inc()
    const report = { channels: keys.length, reason: String(error) }
    deps.log[mayPass(error) ? 'debug' : 'warn'](report, 'inboxes are looked at one by one')
    return []
  }
}

async function look(
  deps: IngestDeps,
  tx: TenantTx,
  channelId: string,
  claim: Claim,
): Promise<Looked | undefined> {
  const [inbox, { deliveries, isAll }] = await Promise.all([
    tryInbox(tx, channelId, claim.most),
    claimDeliveries(tx, channelId, claim),
  ])
  if (!inbox?.active || inbox.removed) return undefined
  const ingested = await processDeliveries(deps, tx, channelId, inbox, deliveries)
  return { ingested, left: !isAll ? 'more' : inbox.failed.length > 0 ? 'failed before' : 'nothing' }
}
