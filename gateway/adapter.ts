import { createShardedAdapter } from '@socket.io/redis-adapter'
import type { Redis } from 'ioredis'

/**
 * The adapter that carries ephemeral events between gateways, made to live with a Redis that is away: what cannot be
 * published is dropped, and subscriptions are made when the connection is ready. Facts never travel by it.
 */
export function ephemeralAdapter(
  publisher: Redis,
  subscriber: Redis,
  prefix: string,
): ReturnType<typeof createShardedAdapter> {
  return createShardedAdapter(patientPublisher(publisher), patientSubscriber(subscriber), {
    channelPrefix: `${prefix}:io`,
    subscriptionMode: 'dynamic',
  })
}

const ignored = () => {}

/** As much of a connection as the adapter publishes and counts with. */
function patientPublisher(redis: Redis) {
  return {
    spublish: (channel: string, message: string | Buffer) =>
      redis.status === 'ready' ? redis.spublish(channel, message).catch(() => 0) : Promise.resolve(0),
    /** Subscribers of a channel, which is how gateways are counted; without Redis there is only this one. */
    send_command: (command: string, args: string[], done: (error: Error | null, answer: unknown) => void) => {
      const alone = [args[1], 1]
      if (redis.status !== 'ready') return done(null, alone)
      redis.call(command, ...args).then(
        (answer) => done(null, answer),
        () => done(null, alone),
      )
    },
  }
}

/** As much of a connection as the adapter subscribes with. */
function patientSubscriber(redis: Redis) {
  const wanted = new Set<string>()
  redis.on('ready', () => {
    for (const channel of wanted) redis.ssubscribe(channel).catch(ignored)
  })
  return {
    on: (event: string, listener: (...args: unknown[]) => void) => redis.on(event, listener),
    ssubscribe: (channel: string) => {
      wanted.add(channel)
      if (redis.status === 'ready') redis.ssubscribe(channel).catch(ignored)
    },
    sunsubscribe: (channels: string | string[]) => {
      for (const channel of [channels].flat()) {
        wanted.delete(channel)
        if (redis.status === 'ready') redis.sunsubscribe(channel).catch(ignored)
      }
    },
  }
}
