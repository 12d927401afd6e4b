import type { Redis } from 'ioredis'

/** A number that has deliveries waiting. */
export interface WaitingChannel {
  readonly tenantId: string
  readonly channelId: string
}

/**
 * Channels with something to process, as Redis keeps them for the workers: a sorted set, each channel once however often it
 * is named, the one that has waited longest first. In place of a queue's job, which cost a third of the way of a single
 * message (docs/measurements.md); what is lost here the sweep finds.
 */
export class WaitingChannels {
  readonly #redis: Redis
  readonly #key: string

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis
    this.#key = `${prefix}:waiting-channels`
  }

  async add(channels: readonly WaitingChannel[]): Promise<void> {
    const now = Date.now()
    const members = channels.flatMap(({ tenantId, channelId }) => [now, `${tenantId} ${channelId}`])
    await this.#redis.zadd(this.#key, 'NX', ...members)
  }

  /**
   * Takes at most `most` of them, waiting up to `seconds` while there is none; then nothing. Blocks its connection. Only one
   * worker gets each.
   */
  async take(most: number, seconds: number): Promise<WaitingChannel[]> {
    const taken = await this.#redis.bzmpop(seconds, 1, this.#key, 'MIN', 'COUNT', most)
    const members = taken === null ? [] : (taken as unknown as [string, [string, string][]])[1]
    return members.map(([member]) => {
      const [tenantId = '', channelId = ''] = member.split(' ')
      return { tenantId, channelId }
    })
  }
}
