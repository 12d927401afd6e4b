import { hash } from 'node:crypto'
import { authenticate } from '../src/auth/authenticate.ts'
import type { Entry } from '../src/auth/entry.ts'
import { FailedTries } from '../src/auth/failed-tries.ts'
import type { Deps } from '../src/deps.ts'
import { Slots } from '../src/platform/slots.ts'

/** Without a tail that would tell of a change, a verdict is believed for so long. */
const briefMs = 5000
const most = 20_000
/** Lookups under way: a storm of strangers waits here, where nothing times out, and not for the database's connections. */
const lookupsAtATime = 6

interface Known {
  readonly entry: Entry
  /** When its lookup began, monotonic milliseconds. */
  readonly at: number
}

/**
 * Verdicts about credentials, by their hash: a storm of reconnects asks the database once per person and not once per
 * socket. A verdict is believed for 5 s; while the tenant's tail is open here, which hears of every change of rights at
 * once, for SOCKET_TRUST_MS, which is as long as an open socket is believed.
 */
export class EntryCache {
  readonly #deps: Deps
  readonly #isWatched: (tenantId: string, since: number) => boolean
  readonly #failed: FailedTries
  readonly #known = new Map<string, Known>()
  readonly #asking = new Map<string, Promise<Entry>>()
  readonly #changedAt = new Map<string, number>()
  readonly #lookups = new Slots(lookupsAtATime)

  /** `isWatched`: whether changes of this tenant's rights have been heard of without a pause since then. */
  constructor(deps: Deps, isWatched: (tenantId: string, since: number) => boolean) {
    this.#deps = deps
    this.#isWatched = isWatched
    this.#failed = new FailedTries(deps)
  }

  /** As `authenticate`, and `rate_limited` for an address that shows too many bad ones. A promise only when it has to ask. */
  enter(credential: string, address: string): Entry | Promise<Entry> {
    const key = hash('sha256', credential, 'base64')
    const known = this.#known.get(key)
    if (known && this.#isFresh(known)) return known.entry
    return this.#failed.watch(address, credential, key, () => this.#askOnce(key, credential))
  }

  #askOnce(key: string, credential: string): Promise<Entry> {
    let asking = this.#asking.get(key)
    if (!asking) {
      asking = this.#lookups.run(() => this.#ask(key, credential)).finally(() => this.#asking.delete(key))
      this.#asking.set(key, asking)
    }
    return asking
  }

  /** Rights in this tenant changed: what was believed before no longer counts. */
  forget(tenantId: string): void {
    this.#changedAt.set(tenantId, performance.now())
  }

  #isFresh({ entry, at }: Known): boolean {
    const tenantId = entry.tenant.id
    const now = performance.now()
    if (at <= (this.#changedAt.get(tenantId) ?? -1)) return false
    if (entry.expiresAt <= this.#deps.clock.now()) return false
    if (now - at < briefMs) return true
    return now - at < this.#deps.config.SOCKET_TRUST_MS && this.#isWatched(tenantId, at)
  }

  async #ask(key: string, credential: string): Promise<Entry> {
    const at = performance.now()
    const entry = await authenticate(this.#deps, credential)
    this.#known.delete(key)
    this.#known.set(key, { entry, at })
    if (this.#known.size > most) this.#known.delete(this.#known.keys().next().value as string)
    return entry
  }
}
