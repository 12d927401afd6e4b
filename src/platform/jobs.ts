import { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Config } from './config.ts'

/** What a nudge carries: ids only. The work itself is a row. */
export interface JobData {
  /** Channels have deliveries that wait: all that one commit of the intake was for. */
  'ingest-inbound': { channels: { tenantId: string; channelId: string }[] }
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
export const jobNames = [
  'ingest-inbound',
  'deliver-outbound',
  'fetch-media',
  'mark-read',
  'sync-templates',
  'run-import',
] as const satisfies readonly JobName[]

export interface Jobs {
  /** Wakes a worker. Never throws, never waits; lost when Redis is away, then the sweep finds the row. */
  nudge<Name extends JobName>(name: Name, data: JobData[Name]): void
  /** Settles when the nudges under way are with Redis, or lost. */
  close(): Promise<void>
}

/** For processes without Redis: the sweep finds all work. */
export const silentJobs: Jobs = { nudge: () => {}, close: () => Promise.resolve() }

/**
 * Nudges through BullMQ. A job that nobody could take within a minute is worthless (the sweep was there before), and
 * finished jobs are thrown away at once, so Redis never fills with them.
 */
export function openJobs(
  connection: Redis,
  config: Pick<Config, 'REDIS_PREFIX'>,
  onError: (error: unknown) => void,
): Jobs {
  const queues = new Map<JobName, Queue>(
    jobNames.map((name) => {
      const queue = new Queue(name, { connection, prefix: config.REDIS_PREFIX, skipVersionCheck: true })
      queue.on('error', onError)
      return [name, queue]
    }),
  )
  const underWay = new Set<Promise<unknown>>()
  const add = <Name extends JobName>(name: Name, data: JobData[Name]): Promise<void> => {
    // With Redis away commands would wait in line for its return; the sweep is the better memory.
    const queue = connection.status === 'ready' ? queues.get(name) : undefined
    if (queue === undefined) return Promise.resolve()
    const adding = queue
      .add(name, data, { removeOnComplete: true, removeOnFail: true, attempts: 1 })
      .then(() => {}, onError)
      .finally(() => underWay.delete(adding))
    underWay.add(adding)
    return adding
  }
  const wakeIngest = gathered((channels) => add('ingest-inbound', { channels }))
  return {
    nudge: (name, data) => {
      if (name === 'ingest-inbound') wakeIngest((data as JobData['ingest-inbound']).channels)
      else void add(name, data)
    },
    close: async () => {
      while (underWay.size > 0) await Promise.allSettled(Array.from(underWay))
      await Promise.allSettled([...queues.values()].map((queue) => queue.close()))
    },
  }
}

type Channel = JobData['ingest-inbound']['channels'][number]

/**
 * Sends at once while nothing is under way. What comes meanwhile goes together with the next one, each channel once: the
 * intake commits faster than a job can be added, and a job costs more than the channels in it.
 */
function gathered(send: (channels: Channel[]) => Promise<void>): (channels: readonly Channel[]) => void {
  const waiting = new Map<string, Channel>()
  let sending = false
  const next = (): void => {
    sending = waiting.size > 0
    if (!sending) return
    const channels = [...waiting.values()]
    waiting.clear()
    void send(channels).then(next)
  }
  return (channels) => {
    for (const channel of channels) waiting.set(channel.channelId, channel)
    if (!sending) next()
  }
}
