import { Failure } from '../../contract/errors.ts'
import { readTenant } from '../../log/read-tenant.ts'
import { describeCode, networkCode } from '../../providers/http-call.ts'
import type { MediaStream, ProviderIo } from '../../providers/port.ts'
import { providers } from '../../providers/registry.ts'
import { type LoadedChannel, loadChannelForProvider } from '../channels/load-channel.ts'
import { providerIo } from '../channels/provider-io.ts'
import { type Claim, claimAttachment, keepClaim } from './attempt-lease.ts'
import { cleanFileName } from './file-name.ts'
import { headBytes, judgeType } from './judge-type.ts'
import { BrokenTransfer, MeasuredBody, UnusableFile } from './measured-body.ts'
import type { MediaDeps } from './media-deps.ts'
import { openSource } from './media-source.ts'
import { thumbnailKeyOf } from './object-key.ts'
import { recordFailed, recordLater, recordStored, type StoredFile } from './record-outcome.ts'
import { hasThumbnail, makeThumbnail, thumbnailType } from './thumbnail.ts'

/** What came of one try. `taken`: somebody else has it, or there is nothing to do. */
export type FetchResult = 'stored' | 'later' | 'failed' | 'expired' | 'taken'

interface Outcome {
  readonly kind: 'stored' | 'later' | 'failed' | 'expired'
  readonly reason: string
  readonly afterMs?: number
  /** Of `later`: our own trouble, not one of the tries that a file has. */
  readonly ours?: boolean
  readonly file?: StoredFile
  /** Something may be in the store that nobody needs. */
  readonly wrote?: boolean
}

/** The object store is ours: it is tried again soon and for ever, because its absence says nothing about the file. */
const storeRetryMs = 20_000
const firstRetryMs = 10_000
const longestRetryMs = 24 * 3_600_000

/**
 * Pause after the n-th failed try (from 1): 10 s, 80 s, 11 min, 85 min, 11 h, which spreads the usual six tries over half
 * a day: long enough for a human to renew a token, well inside the seven days that Meta keeps a file.
 */
export function retryDelayMs(attempt: number): number {
  return Math.min(firstRetryMs * 8 ** (attempt - 1), longestRetryMs)
}

/**
 * One try to fetch an inbound file: claim, download under limits of bytes and time, store, judge, announce. Any number of
 * workers may be asked for the same file at once; one does it. The message itself was shown long before and is never
 * touched but for its file. Fails when the database is away (or the channel's secrets cannot be read); the claim then runs out
 * and the sweep comes back.
 */
export async function fetchAttachment(
  deps: MediaDeps,
  { tenantId, attachmentId }: { tenantId: string; attachmentId: string },
): Promise<FetchResult> {
  const claim = await claimAttachment(deps, tenantId, attachmentId)
  if (!claim) return 'taken'
  const lifeline = new AbortController()
  const timer = setTimeout(
    () => lifeline.abort(new BrokenTransfer('the download took too long')),
    deps.config.MEDIA_TOTAL_MS,
  )
  const lease = keepClaim(deps, tenantId, claim, () =>
    lifeline.abort(new BrokenTransfer('another worker took over')),
  )
  try {
    const channel = await channelOf(deps, tenantId, claim)
    const outcome: Outcome =
      channel === null
        ? { kind: 'failed', reason: 'the channel that it came from is gone' }
        : await attempt(deps, tenantId, claim, channel, lifeline.signal)
    const result = await record(deps, tenantId, claim, outcome)
    deps.metrics.mediaFetches.inc({ result })
    return result
  } finally {
    clearTimeout(timer)
    lease.stop()
    // Lets go of whatever the network still sends.
    lifeline.abort()
  }
}

async function channelOf(deps: MediaDeps, tenantId: string, { row }: Claim): Promise<LoadedChannel | null> {
  const id = row.channel_id
  if (id === null) return null
  return readTenant(deps, tenantId, (query) => loadChannelForProvider({ query }, deps.config, id))
}

async function attempt(
  deps: MediaDeps,
  tenantId: string,
  claim: Claim,
  channel: LoadedChannel,
  signal: AbortSignal,
): Promise<Outcome> {
  let wrote = false
  try {
    await deps.storage.ready()
    if (claim.abandonedKey !== null) await clearUp(deps, claim.abandonedKey)
    const network = { adapter: providers[channel.provider], channel, io: ioOf(deps, signal) }
    const fetched = await openSource(deps, tenantId, claim.row, network)
    if (fetched.kind === 'later') return { kind: 'later', reason: fetched.reason, afterMs: fetched.afterMs }
    if (fetched.kind === 'gone') return { kind: 'expired', reason: fetched.reason }
    if (fetched.kind === 'failed') return { kind: 'failed', reason: fetched.reason }
    const fileName = cleanFileName(claim.row.file_name ?? fetched.fileName)
    wrote = true
    return {
      kind: 'stored',
      reason: '',
      file: { ...(await store(deps, claim, fetched, signal)), fileName },
    }
  } catch (error) {
    return { ...outcomeOf(error, signal), wrote }
  }
}

function outcomeOf(error: unknown, signal: AbortSignal): Outcome {
  const cause = signal.aborted ? signal.reason : error
  if (cause instanceof UnusableFile) return { kind: 'failed', reason: cause.message }
  if (cause instanceof BrokenTransfer) return { kind: 'later', reason: cause.message }
  if (cause instanceof Failure && cause.code === 'unavailable') {
    const isStore = cause.details['server'] === 'object store'
    if (!isStore) throw cause
    return { kind: 'later', reason: 'the object store does not answer', afterMs: storeRetryMs, ours: true }
  }
  if (cause instanceof Failure) throw cause
  // Everything else that breaks here is the line to the network.
  return { kind: 'later', reason: `the transfer broke off: ${describeCode(networkCode(cause))}` }
}

/** Streams a body into the store. When it throws there is no object. */
async function store(
  deps: MediaDeps,
  claim: Claim,
  { body, sizeBytes: announced }: MediaStream,
  signal: AbortSignal,
): Promise<Omit<StoredFile, 'fileName'>> {
  const measured = new MeasuredBody(body, deps.config.MEDIA_BYTES, announced ?? null)
  try {
    const judged = await judgeType(await measured.peek(headBytes), claim.row.mime_type)
    const sizeBytes = await deps.storage.put(claim.key, untilAborted(measured, signal), judged.mimeType)
    const sha256 = measured.sha256()
    doubt(claim, sha256)
    const thumbnailKey = await storeThumbnail(deps, claim.key, judged.mimeType)
    return { mimeType: judged.mimeType, sizeBytes, sha256, thumbnailKey }
  } finally {
    // Not awaited: a source that hangs must not hold us, and its own time limit ends it.
    measured.cancel().catch(() => {})
  }
}

/**
 * A file that is not what its message announced was cut off by a server that lied about its length, or the message lies: what
 * its sender says of it proves nothing. So it is fetched once more, and then taken as it comes.
 */
function doubt({ row }: Claim, sha256: string): void {
  if (row.attempts === 0 && row.sha256 !== null && row.sha256 !== sha256)
    throw new BrokenTransfer('other bytes came than the message announced')
}

/** A source need not look at the signal itself, such as one in memory. */
async function* untilAborted(
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    signal.throwIfAborted()
    yield chunk
  }
}

async function storeThumbnail(deps: MediaDeps, key: string, mimeType: string): Promise<string | null> {
  if (!hasThumbnail(mimeType)) return null
  const thumbnail = await makeThumbnail(await deps.storage.get(key), deps.config.MEDIA_PIXELS)
  if (thumbnail === null) return null
  const thumbnailKey = thumbnailKeyOf(key)
  await deps.storage.put(thumbnailKey, oneChunk(thumbnail), thumbnailType)
  return thumbnailKey
}

async function* oneChunk(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes
}

async function record(
  deps: MediaDeps,
  tenantId: string,
  claim: Claim,
  outcome: Outcome,
): Promise<FetchResult> {
  if (outcome.kind === 'stored' && outcome.file) {
    const spare = await recordStored(deps, tenantId, claim, outcome.file)
    for (const key of spare ?? writtenBy(claim)) await deps.storage.remove(key).catch(() => {})
    return spare === null ? 'taken' : 'stored'
  }
  const left =
    outcome.wrote === true
      ? await clearUp(deps, claim.key).then(
          () => [],
          () => writtenBy(claim),
        )
      : []
  if (outcome.kind === 'later') {
    const tries = claim.row.attempts + (outcome.ours === true ? 0 : 1)
    if (tries < deps.config.MEDIA_ATTEMPTS || outcome.ours === true) {
      const pause = outcome.ours === true ? 0 : retryDelayMs(tries)
      const afterMs = Math.max(outcome.afterMs ?? 0, pause * (0.8 + Math.random() * 0.4))
      await recordLater(deps, tenantId, claim, {
        afterMs,
        reason: outcome.reason,
        counts: outcome.ours !== true,
        left,
      })
      return 'later'
    }
    const reason = `could not be fetched in ${tries} tries: ${outcome.reason}`
    return (await recordFailed(deps, tenantId, claim, { state: 'failed', reason, left })) ? 'failed' : 'taken'
  }
  const state = outcome.kind === 'expired' ? 'expired' : 'failed'
  return (await recordFailed(deps, tenantId, claim, { state, reason: outcome.reason, left }))
    ? state
    : 'taken'
}

const writtenBy = ({ key }: Claim): string[] => [key, thumbnailKeyOf(key)]

/** Removes whatever an attempt wrote, whole or in parts. */
async function clearUp(deps: MediaDeps, key: string): Promise<void> {
  await deps.storage.abortUploads(0, key)
  await deps.storage.remove(key)
  await deps.storage.remove(thumbnailKeyOf(key))
}

/**
 * How adapters reach the network for a file. Looking up and downloading (GET) must begin to answer within MEDIA_CONNECT_MS;
 * a server that decrypts the file first (POST) has the time of a silence. The signal ends everything at once.
 */
function ioOf(deps: MediaDeps, signal: AbortSignal): ProviderIo {
  const { config } = deps
  const bounded: typeof fetch = async (input, init) => {
    const waiting = new AbortController()
    const isGet = (init?.method ?? 'GET') === 'GET'
    const timer = setTimeout(
      () => waiting.abort(new DOMException('no answer in time', 'TimeoutError')),
      isGet ? config.MEDIA_CONNECT_MS : config.MEDIA_IDLE_MS,
    )
    const signals = [signal, waiting.signal, ...(init?.signal ? [init.signal] : [])]
    try {
      return await fetch(input, { ...init, signal: AbortSignal.any(signals) })
    } finally {
      clearTimeout(timer)
    }
  }
  return { ...providerIo(deps), fetch: bounded, timeoutMs: config.MEDIA_IDLE_MS }
}
