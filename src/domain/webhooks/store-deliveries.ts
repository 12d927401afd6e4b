import { createHash } from 'node:crypto'
import { Failure } from '../../contract/errors.ts'
import type { LogDeps } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import { Lane } from '../../platform/lane.ts'
import type { ProviderName } from '../../providers/port.ts'

/** A delivery as it came, and whose it is. Without an owner it waits in quarantine and is never guessed. */
export interface Delivery {
  readonly provider: ProviderName
  /** The body's bytes, unpacked but otherwise untouched. */
  readonly body: Buffer
  readonly owner: { readonly tenantId: string; readonly channelId: string } | null
  /** Why it is kept and not processed; null when it is to be processed. */
  readonly quarantine: string | null
  /** What was known of its channel when it was judged; when it is not so any more, it is not stored. */
  readonly expects?: { readonly externalId: string; readonly secretsHash: string }
  /** As it was sent; kept of a delivery that is nobody's, to see later whose it is. */
  readonly signature?: string
}

/** A number is not as it was remembered: what was posted for it must be judged anew. Nothing of it is lost, nor stored. */
export class Outdated extends Error {}

export type StoreDeps = Pick<LogDeps, 'db' | 'jobs'> & {
  readonly config: Pick<Config, 'DATABASE_STATEMENT_MS'>
}

const lanes = new WeakMap<LogDeps['db'], Lane<'all', readonly Delivery[], undefined>>()

/** Requests that share a commit. */
const batch = 128
/** Bodies of one statement, so that one statement stays a few dozen megabytes however large the bodies are. */
const statementBytes = 8 * 1024 * 1024

/**
 * Commits deliveries before anybody is told that we have them (HOOK1), those of many requests in one commit. One that is
 * here already is left alone. Fails with `unavailable` when they were not stored, or when nobody knows; a repeat does no harm. Fails
 * with `Outdated` when one of them expected something that is not so; others may be stored.
 */
export async function storeDeliveries(deps: StoreDeps, deliveries: readonly Delivery[]): Promise<void> {
  if (deliveries.length === 0) return
  let lane = lanes.get(deps.db)
  if (!lane) {
    lane = new Lane({
      keyOf: () => 'all' as const,
      batch,
      concurrency: 1,
      // What may wait is bounded by its bytes, when it is read (intake-body.ts).
      waiting: Number.MAX_SAFE_INTEGER,
      onFull: () => new Failure('unavailable'),
      isCommon: (error) => !isAboutOneRow(error),
      run: async (_, jobs) => {
        const outdated = await store(deps, jobs.flat())
        return jobs.map((job) => (job.some((one) => outdated.has(one)) ? new Outdated() : undefined))
      },
    })
    lanes.set(deps.db, lane)
  }
  try {
    await lane.submit(deliveries)
  } catch (error) {
    if (error instanceof Outdated) throw error
    // Whatever the reason, the network must post it again; the reason goes to the log.
    throw new Failure('unavailable', {}, { cause: error })
  }
}

/** Answers with those that expected something that is not so. */
async function store(deps: StoreDeps, deliveries: readonly Delivery[]): Promise<ReadonlySet<Delivery>> {
  const outdated = new Set<Delivery>()
  for (const part of inStatements(deliveries)) {
    const rows = part.map(({ provider, body, owner, quarantine, expects, signature }) => ({
      provider,
      hash: createHash('sha256').update(body).digest('hex'),
      body: body.toString('base64'),
      tenantId: owner?.tenantId,
      channelId: owner?.channelId,
      state: quarantine === null ? 'new' : 'quarantined',
      reason: quarantine ?? undefined,
      expects: expects && { externalId: expects.externalId, secrets: expects.secretsHash },
      signature,
    }))
    const statement = {
      name: 'store deliveries',
      text: 'select store_deliveries($1) as refused',
      values: [JSON.stringify(rows)],
      // The server's own limit ends a slow statement; this one ends the wait for a server that is gone without a word.
      query_timeout: deps.config.DATABASE_STATEMENT_MS,
    }
    const answer = await deps.db.write.query<{ refused: number[] }>(statement)
    for (const place of answer.rows[0]?.refused ?? []) outdated.add(part[place - 1] as Delivery)
  }
  const owners = new Map<string, NonNullable<Delivery['owner']>>()
  for (const delivery of deliveries) {
    const { owner, quarantine } = delivery
    if (owner && quarantine === null && !outdated.has(delivery)) owners.set(owner.channelId, owner)
  }
  const channels = [...owners.values()]
  if (channels.length > 0) deps.jobs.nudge('ingest-inbound', { channels })
  return outdated
}

/** Cuts a batch where its bodies become too large for one statement; each part is committed by itself. */
function inStatements(deliveries: readonly Delivery[]): Delivery[][] {
  const parts: Delivery[][] = []
  let bytes = statementBytes
  for (const delivery of deliveries) {
    bytes += delivery.body.length
    if (bytes > statementBytes) {
      parts.push([])
      bytes = delivery.body.length
    }
    parts.at(-1)?.push(delivery)
  }
  return parts
}

/** A row that the database cannot take (a tenant that is gone by now) fails alone; everything else fails everybody. */
function isAboutOneRow(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && (code.startsWith('22') || code.startsWith('23'))
}
