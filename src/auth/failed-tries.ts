import type { Redis } from 'ioredis'
import { Failure } from '../contract/errors.ts'
import type { Config } from '../platform/config.ts'
import { networkOf } from '../platform/network-of.ts'
import { SharedWindows } from '../platform/shared-windows.ts'

export interface FailedTriesDeps {
  readonly config: Pick<Config, 'FAILED_AUTH_PER_MINUTE' | 'REDIS_PREFIX'>
  readonly redis: Redis
}

const mostRemembered = 10_000

/**
 * How often somebody may show a credential that is not good, per address and minute, over REST and on sockets together. A
 * whole office may have one address, so what counts are credentials that are nothing at all (`unauthorized`), not those that
 * are over or whose bearer may not come in; and credentials that were good lately are judged as ever.
 */
export class FailedTries {
  readonly #most: number
  readonly #windows: SharedWindows
  /** Hashes of credentials that were good, the oldest first. */
  readonly #good = new Set<string>()

  constructor({ config, redis }: FailedTriesDeps) {
    this.#most = config.FAILED_AUTH_PER_MINUTE
    this.#windows = new SharedWindows(redis, config.REDIS_PREFIX)
  }

  /**
   * Judges a credential, of which only the hash is kept, unless too many from its address were bad. Tries that are refused
   * for that do not count. Fails with `rate_limited`, and as `judge` does.
   */
  async watch<T>(address: string | undefined, hash: string, judge: () => Promise<T>): Promise<T> {
    const window = `failed:${networkOf(address ?? '')}`
    const { count, endsAt } = this.#windows.look(window)
    if (count >= this.#most && !this.#good.has(hash))
      throw new Failure('rate_limited', { retryAfterMs: Math.max(1, endsAt - Date.now()) })
    try {
      const judged = await judge()
      this.#remember(hash)
      return judged
    } catch (error) {
      if (error instanceof Failure && error.code === 'unauthorized') {
        this.#good.delete(hash)
        this.#windows.count(window)
      }
      throw error
    }
  }

  #remember(hash: string): void {
    if (this.#good.has(hash)) return
    this.#good.add(hash)
    const [oldest] = this.#good
    if (this.#good.size > mostRemembered && oldest !== undefined) this.#good.delete(oldest)
  }
}
