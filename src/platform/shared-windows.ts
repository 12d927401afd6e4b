import { hash } from 'node:crypto'
import type { Redis } from 'ioredis'

const syncMs = 50
export const windowMs = 60_000

interface Window {
  readonly endsAt: number
  /** Tells apart for a client whom the window is counted for, and says nothing of them. */
  readonly mark: string
  /** Requests of this instance that the others do not know yet. */
  unsent: number
  /** Requests of all instances as Redis last said, ours that it knows included. */
  shared: number
}

/**
 * Counts requests per key and window for all instances together, without ever waiting for Redis: a request is judged by
 * what this instance knows, and every 50 ms what is new goes there and the sum of all comes back. Redis that is away,
 * slow or emptied costs exactness between instances and nothing else. At worst n instances let n times 50 ms of
 * requests through before they notice each other.
 */
export class SharedWindows {
  readonly #windows = new Map<string, Window>()
  readonly #redis: Redis
  readonly #prefix: string
  #isDue = false
  #sending = false

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis
    this.#prefix = prefix
  }

  /** Counts one more: how many there are now in its window. */
  count(key: string): { readonly count: number; readonly endsAt: number; readonly mark: string } {
    const window = this.#windowOf(key)
    window.unsent += 1
    if (!this.#isDue) {
      this.#isDue = true
      setTimeout(() => void this.#sync(), syncMs).unref()
    }
    return { count: window.shared + window.unsent, endsAt: window.endsAt, mark: window.mark }
  }

  /** How many there are in its window, as far as this instance knows: of a key that it never counted, none. */
  look(key: string): { readonly count: number; readonly endsAt: number } {
    const window = this.#windows.get(key)
    if (!window || window.endsAt <= Date.now()) return { count: 0, endsAt: 0 }
    return { count: window.shared + window.unsent, endsAt: window.endsAt }
  }

  /** Windows lie on the clock, so that all instances mean the same one. */
  #windowOf(key: string): Window {
    const now = Date.now()
    const present = this.#windows.get(key)
    if (present && present.endsAt > now) return present
    const mark = Buffer.from(hash('sha256', key, 'hex').slice(0, 12)).toString('base64')
    const fresh = { endsAt: (Math.floor(now / windowMs) + 1) * windowMs, mark, unsent: 0, shared: 0 }
    this.#windows.set(key, fresh)
    return fresh
  }

  async #sync(): Promise<void> {
    this.#isDue = false
    this.#forgetPast()
    if (this.#sending || this.#redis.status !== 'ready') return
    this.#sending = true
    try {
      await Promise.all(
        [...this.#windows]
          .filter(([, window]) => window.unsent > 0)
          .map(([key, window]) => this.#send(key, window)),
      )
    } catch {
      // Redis is away: what was sent and not answered may be counted twice or not at all, for one window.
    } finally {
      this.#sending = false
    }
  }

  async #send(key: string, window: Window): Promise<void> {
    const name = `${this.#prefix}:rate:${key}:${window.endsAt}`
    const sent = window.unsent
    const [counted] =
      (await this.#redis
        .pipeline()
        .incrby(name, sent)
        .pexpireat(name, window.endsAt + 1000)
        .exec()) ?? []
    const [error, sum] = counted ?? [null, null]
    if (error !== null || typeof sum !== 'number') return
    window.unsent -= sent
    window.shared = Math.max(sum, window.shared)
  }

  #forgetPast(): void {
    const now = Date.now()
    for (const [key, window] of this.#windows) if (window.endsAt <= now) this.#windows.delete(key)
  }
}
