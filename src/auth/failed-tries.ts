import type { Redis } from 'ioredis'
import { Failure } from '../contract/errors.ts'
import type { Clock } from '../platform/clock.ts'
import type { Config } from '../platform/config.ts'
import { networkOf } from '../platform/network-of.ts'
import { SharedWindows } from '../platform/shared-windows.ts'
import { type TokenConfig, verifyToken } from './tokens.ts'

export interface FailedTriesDeps {
  readonly config: TokenConfig & Pick<Config, 'FAILED_AUTH_PER_MINUTE' | 'REDIS_PREFIX'>
  readonly clock: Clock
  readonly redis: Redis
}

const mostRemembered = 10_000

/**
 * How often somebody may show a credential that is not good, per address and minute, over REST and on sockets together. A
 * whole office may have one address, so what counts are credentials that are nothing at all (`unauthorized`), not those that
 * are over or whose bearer may not come in. When there were too many, credentials that were good lately are judged as
 * ever, and so are tokens that an issuer of ours signed, which nobody guesses, as long as they were not bad before.
 */
export class FailedTries {
  readonly #deps: FailedTriesDeps
  readonly #windows: SharedWindows
  readonly #good = new Remembered()
  readonly #bad = new Remembered()

  constructor(deps: FailedTriesDeps) {
    this.#deps = deps
    this.#windows = new SharedWindows(deps.redis, deps.config.REDIS_PREFIX)
  }

  /**
   * Judges a credential, of which only the hash is kept, unless too many from its address were bad. Tries that are refused
   * for that do not count. Fails with `rate_limited`, and as `judge` does.
   */
  async watch<T>(
    address: string | undefined,
    credential: string,
    hash: string,
    judge: () => Promise<T>,
  ): Promise<T> {
    const window = `failed:${networkOf(address ?? '')}`
    const { count, endsAt } = this.#windows.look(window)
    if (count >= this.#deps.config.FAILED_AUTH_PER_MINUTE && !this.#isExempt(credential, hash))
      throw new Failure('rate_limited', { retryAfterMs: Math.max(1, endsAt - Date.now()) })
    try {
      const judged = await judge()
      this.#good.add(hash)
      this.#bad.delete(hash)
      return judged
    } catch (error) {
      if (error instanceof Failure && error.code === 'unauthorized') {
        this.#good.delete(hash)
        this.#bad.add(hash)
        this.#windows.count(window)
      }
      throw error
    }
  }

  #isExempt(credential: string, hash: string): boolean {
    return this.#good.has(hash) || (!this.#bad.has(hash) && this.#isSigned(credential))
  }

  #isSigned(credential: string): boolean {
    try {
      verifyToken(credential, this.#deps.config, this.#deps.clock)
      return true
    } catch {
      return false
    }
  }
}

/** The newest hashes that were put in. */
class Remembered {
  readonly #hashes = new Set<string>()

  has(hash: string): boolean {
    return this.#hashes.has(hash)
  }

  add(hash: string): void {
    if (this.#hashes.has(hash)) return
    this.#hashes.add(hash)
    const [oldest] = this.#hashes
    if (this.#hashes.size > mostRemembered && oldest !== undefined) this.#hashes.delete(oldest)
  }

  delete(hash: string): void {
    this.#hashes.delete(hash)
  }
}
