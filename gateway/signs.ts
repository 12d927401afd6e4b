import type { Redis } from 'ioredis'

/** A sign that is not renewed is gone after so long: its gateway died, or lost Redis. */
const lifeMs = 60_000
export const renewalMs = 20_000

/**
 * Signs of life that all gateways share: hashes in Redis, one field per owner and gateway, each value with its end.
 * What this gateway says is also held here, so that a wiped Redis is full again after one renewal, and while Redis is
 * away there is still what is known here.
 */
export class Signs {
  readonly #redis: Redis
  readonly #prefix: string
  readonly #gateway: string
  readonly #own = new Map<string, Map<string, string>>()

  constructor(redis: Redis, prefix: string, gateway: string) {
    this.#redis = redis
    this.#prefix = prefix
    this.#gateway = gateway
  }

  /** Says `value` for an owner under a key; null takes it back. */
  say(key: string, owner: string, value: string | null): void {
    const own = this.#own.get(key) ?? new Map<string, string>()
    if (value === null) own.delete(owner)
    else own.set(owner, value)
    if (own.size > 0) this.#own.set(key, own)
    else this.#own.delete(key)
    if (this.#redis.status !== 'ready') return
    const name = this.#name(key)
    const writes = this.#redis.pipeline()
    if (value === null) writes.hdel(name, this.#field(owner))
    else writes.hset(name, this.#field(owner), this.#withEnd(value)).pexpire(name, lifeMs)
    writes.exec().catch(() => {})
  }

  /** What is said under a key, by owner; each owner's values of all gateways. */
  async read(key: string): Promise<Map<string, string[]>> {
    const found = new Map<string, string[]>()
    const add = (owner: string, value: string) => found.set(owner, [...(found.get(owner) ?? []), value])
    for (const [owner, value] of this.#own.get(key) ?? []) add(owner, value)
    if (this.#redis.status !== 'ready') return found
    const shared = await this.#redis.hgetall(this.#name(key)).catch(() => ({}) as Record<string, string>)
    const now = Date.now()
    const dead: string[] = []
    for (const [field, value] of Object.entries(shared)) {
      const [owner = '', gateway] = field.split(' ')
      const cut = value.indexOf(' ')
      const end = Number(value.slice(0, cut))
      if (gateway !== this.#gateway && end > now) add(owner, value.slice(cut + 1))
      // A whole life after its end nobody is going to renew it; somebody who still does is back with the next renewal.
      else if (end + lifeMs < now) dead.push(field)
    }
    if (dead.length > 0) this.#redis.hdel(this.#name(key), ...dead).catch(() => {})
    return found
  }

  /** Says everything of this gateway anew. */
  renew(): void {
    if (this.#redis.status !== 'ready' || this.#own.size === 0) return
    const writes = this.#redis.pipeline()
    for (const [key, own] of this.#own) {
      const name = this.#name(key)
      for (const [owner, value] of own) writes.hset(name, this.#field(owner), this.#withEnd(value))
      writes.pexpire(name, lifeMs)
    }
    writes.exec().catch(() => {})
  }

  /** Takes back everything of this gateway. */
  async close(): Promise<void> {
    const writes = this.#redis.pipeline()
    for (const [key, own] of this.#own)
      for (const owner of own.keys()) writes.hdel(this.#name(key), this.#field(owner))
    this.#own.clear()
    if (this.#redis.status === 'ready') await writes.exec().catch(() => {})
  }

  #name(key: string): string {
    return `${this.#prefix}:signs:${key}`
  }

  #field(owner: string): string {
    return `${owner} ${this.#gateway}`
  }

  #withEnd(value: string): string {
    return `${Date.now() + lifeMs} ${value}`
  }
}
