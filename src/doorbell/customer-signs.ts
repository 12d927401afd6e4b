import type { Redis } from 'ioredis'
import { z } from 'zod'
import type { EphemeralEvents } from '../contract/socket.ts'

/** A customer writes in a conversation, or stopped. Ephemeral: travels by Redis only and may be lost. */
export type CustomerSign = EphemeralEvents['composing']

/** Whatever else stands on the channel is thrown away. */
const customerSigns: z.ZodType<CustomerSign[]> = z.array(
  z.strictObject({ conversationId: z.uuid(), contactId: z.number().int(), composing: z.boolean() }),
)

/** Signs of one tenant's customers, for those of its gateways that have a conversation on screen. Sharded, as bells are. */
const channelOf = (prefix: string, tenantId: string): string => `${prefix}:composing:${tenantId}`

/** Tells whoever listens. Never throws and is not awaited; while Redis is away the sign is lost. */
export function sendSigns(
  redis: Redis,
  prefix: string,
  tenantId: string,
  signs: readonly CustomerSign[],
): void {
  if (redis.status !== 'ready' || signs.length === 0) return
  redis.spublish(channelOf(prefix, tenantId), JSON.stringify(signs)).catch(() => {})
}

/**
 * The listening end, on a connection that may have other subscriptions. It listens to a tenant as long as it is wanted, and
 * again when Redis is back.
 */
export class CustomerSigns {
  readonly #subscriber: Redis
  readonly #prefix: string
  /** Tenants by their channel. */
  readonly #wanted = new Map<string, string>()

  constructor(
    subscriber: Redis,
    prefix: string,
    heard: (tenantId: string, signs: readonly CustomerSign[]) => void,
  ) {
    this.#subscriber = subscriber
    this.#prefix = prefix
    subscriber.on('ready', () => {
      for (const channel of this.#wanted.keys()) this.#subscribe(channel)
    })
    subscriber.on('smessage', (channel: string, text: string) => {
      const tenantId = this.#wanted.get(channel)
      const signs = tenantId === undefined ? [] : signsIn(text)
      if (tenantId !== undefined && signs.length > 0) heard(tenantId, signs)
    })
  }

  listen(tenantId: string): void {
    const channel = channelOf(this.#prefix, tenantId)
    if (this.#wanted.has(channel)) return
    this.#wanted.set(channel, tenantId)
    this.#subscribe(channel)
  }

  ignore(tenantId: string): void {
    const channel = channelOf(this.#prefix, tenantId)
    if (!this.#wanted.delete(channel) || this.#subscriber.status !== 'ready') return
    this.#subscriber.sunsubscribe(channel).catch(() => {})
  }

  #subscribe(channel: string): void {
    // One that fails is made again when the connection is ready.
    if (this.#subscriber.status === 'ready') this.#subscriber.ssubscribe(channel).catch(() => {})
  }
}

function signsIn(text: string): readonly CustomerSign[] {
  try {
    return customerSigns.parse(JSON.parse(text))
  } catch {
    return []
  }
}
