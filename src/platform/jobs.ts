import { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Config } from './config.ts'
import { type WaitingChannel, WaitingChannels } from './waiting-channels.ts'

/** What a nudge carries: ids only. The work itself is a row. */
export interface JobData {
  /** Channels have deliveries that wait: all that one commit of the intake was for. */
  'ingest-inbound': { channels: readonly WaitingChannel[] }
  /** A channel has messages that wait. */
  'deliver-outbound': { tenantId: string; channelId: string }
  /** A file waits to be fetched. */
  'fetch-media': { tenantId: string; attachmentId: string }
  /** An agent has read a conversation, or writes in it: tell the customer. Losing it loses a blue tick. */
  'mark-read': { tenantId: string; conversationId: string; typing?: boolean }
  /** The templates of a number are to be read from its network. */
  'sync-templates': { tenantId: string; channelId: string }
  /** A file of records was brought. */
  'run-import': { tenantId: string; importId: string }
}
export type JobName = keyof JobData
/** Names that are queues; the waiting channels are a set (waiting-channels.ts). */
export type QueueName = Exclude<JobName, 'ingest-inbound'>
export const queueNames = [
  'deliver-outbound',
  'fetch-media',
  'mark-read',
  'sync-templates',
  'run-import',
] as const satisfies readonly QueueName[]

export interface Jobs {
  /** Wakes a worker. Never throws, never waits; lost when Redis is away, then the sweep finds the row. */
  nudge<Name extends JobName>(name: Name, data: JobData[Name]): void
  /** Settles when the nudges under way are with Redis, or lost. */
  close(): Promise<void>
}

/** For processes without Redis: the sweep finds all work. */
export const silentJobs: Jobs = { nudge: () => {}, close: () => Promise.resolve() }

/**
 * Nudges through BullMQ, those of the intake through the set of waiting channels. A job that nobody could take within a
 * minute is worthless (the sweep was there before), and finished jobs are thrown away at once, so Redis never fills with them.
 */
export function openJobs(
  connection: Redis,
  config: Pick<Config, 'REDIS_PREFIX'>,
  onError: (error: unknown) => void,
): Jobs {
  const waiting = new WaitingChannels(connection, config.REDIS_PREFIX)
  const queues = new Map<JobName, Queue>(
    queueNames.map((name) => {
      const queue = new Queue(name, { connection, prefix: config.REDIS_PREFIX, skipVersionCheck: true })
      queue.on('error', onError)
      return [name, queue]
    }),
  )
  const underWay = new Set<Promise<unknown>>()
  const send = <Name extends JobName>(name: Name, data: JobData[Name]): Promise<unknown> =>
    name === 'ingest-inbound'
      ? waiting.add((data as JobData['ingest-inbound']).channels)
      : (queues.get(name) as Queue).add(name, data, {
          removeOnComplete: true,
          removeOnFail: true,
          attempts: 1,
        })
  return {
    nudge: (name, data) => {
      // With Redis away commands would wait in line for its return; the sweep is the better memory.
      if (connection.status !== 'ready') return
      const sending = send(name, data)
        .then(() => {}, onError)
        .finally(() => underWay.delete(sending))
      underWay.add(sending)
    },
    close: async () => {
      while (underWay.size > 0) await Promise.allSettled(Array.from(underWay))
      await Promise.allSettled([...queues.values()].map((queue) => queue.close()))
    },
  }
}
