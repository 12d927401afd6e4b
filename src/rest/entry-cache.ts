import { hash as hashOf } from 'node:crypto'
import { authenticate } from '../auth/authenticate.ts'
import type { AuthDeps, Entry } from '../auth/entry.ts'
import { FailedTries, type FailedTriesDeps } from '../auth/failed-tries.ts'
import { type AccessNews, readAccessNews } from './access-news.ts'

const longestMs = 15_000
const mostEntries = 10_000
/** A busy tenant rings often; its log is looked through at most this often. */
const lookIntervalMs = 1000

interface Kept {
  readonly entry: Promise<Entry>
  readonly until: number
  /** Known once the entry is. */
  owner: { readonly tenantId: string; readonly userId: string | undefined } | undefined
}

/** One tenant of which somebody is remembered. */
interface Watch {
  readonly hashes: Set<string>
  readonly stop: () => void
  /** Up to where its log was looked through; null before the first look. */
  seen: AccessNews['head'] | null
  resting: boolean
  rang: boolean
}

/**
 * Remembers for at most 15 s whom a credential let in, so that an authenticated read costs no transaction of its own.
 * Under the credential's SHA-256, never itself. An entry goes earlier when its token ends, and when the tenant's log
 * tells of a user, a team, a key or the tenant itself: the doorbell says that there is news, one short read of the log
 * says whether it is of that kind. With Redis away only the 15 s are left.
 */
export class EntryCache {
  readonly #deps: AuthDeps
  /** One for all doors of this process. */
  readonly failed: FailedTries
  readonly #kept = new Map<string, Kept>()
  readonly #watches = new Map<string, Watch>()

  constructor(deps: AuthDeps & FailedTriesDeps) {
    this.#deps = deps
    this.failed = new FailedTries(deps)
  }

  /**
   * As `authenticate`, and `rate_limited` for an address that shows too many bad ones. Requests that come at once with one
   * credential share one look-up; refusals are not remembered.
   */
  async enter(credential: string, address: string | undefined): Promise<Entry> {
    const now = this.#deps.clock.now()
    const hash = hashOf('sha256', credential, 'base64')
    const kept = this.#kept.get(hash)
    if (kept && kept.until > now.getTime()) {
      const entry = await kept.entry
      if (entry.expiresAt > now) return entry
    }
    this.#forget(hash)
    const ask = () => this.#keep(hash, authenticate(this.#deps, credential), now.getTime() + longestMs)
    return this.failed.watch(address, credential, hash, ask)
  }

  close(): void {
    for (const hash of this.#kept.keys()) this.#forget(hash)
  }

  #keep(hash: string, entry: Promise<Entry>, until: number): Promise<Entry> {
    const kept: Kept = { entry, until, owner: undefined }
    this.#kept.set(hash, kept)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > mostEntries && oldest !== undefined) this.#forget(oldest)
    entry.then(
      ({ actor }) => {
        if (this.#kept.get(hash) !== kept) return
        kept.owner = { tenantId: actor.tenantId, userId: actor.kind === 'user' ? actor.id : undefined }
        this.#watch(actor.tenantId).hashes.add(hash)
      },
      () => {
        if (this.#kept.get(hash) === kept) this.#kept.delete(hash)
      },
    )
    return entry
  }

  #forget(hash: string): void {
    const tenantId = this.#kept.get(hash)?.owner?.tenantId
    this.#kept.delete(hash)
    const watch = tenantId === undefined ? undefined : this.#watches.get(tenantId)
    watch?.hashes.delete(hash)
    if (tenantId === undefined || watch === undefined || watch.hashes.size > 0) return
    watch.stop()
    this.#watches.delete(tenantId)
  }

  #watch(tenantId: string): Watch {
    const present = this.#watches.get(tenantId)
    if (present) return present
    const watch: Watch = {
      hashes: new Set(),
      stop: this.#deps.doorbell.listen(tenantId, () => this.#heard(tenantId, watch)),
      seen: null,
      resting: false,
      rang: false,
    }
    this.#watches.set(tenantId, watch)
    return watch
  }

  #heard(tenantId: string, watch: Watch): void {
    watch.rang = true
    if (watch.resting) return
    watch.resting = true
    watch.rang = false
    void this.#look(tenantId, watch).finally(() => {
      setTimeout(() => {
        watch.resting = false
        if (watch.rang && this.#watches.get(tenantId) === watch) this.#heard(tenantId, watch)
      }, lookIntervalMs).unref()
    })
  }

  async #look(tenantId: string, watch: Watch): Promise<void> {
    try {
      const news = await readAccessNews(this.#deps, tenantId, watch.seen)
      watch.seen = news.head
      for (const [hash, { owner }] of this.#kept) {
        const concerned =
          // Still being looked up: perhaps from before the news.
          owner === undefined ||
          (owner.tenantId === tenantId &&
            (news.everybody || (owner.userId !== undefined && news.userIds.has(owner.userId))))
        if (concerned) this.#forget(hash)
      }
    } catch {
      // The database is away: what is kept ends within its 15 s, and nobody new comes in.
    }
  }
}
