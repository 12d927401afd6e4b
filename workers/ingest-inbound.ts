import { setTimeout as pause } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { Deps } from '../src/deps.ts'
import type { Ingest } from '../src/domain/webhooks/ingest.ts'
import { openRedis } from '../src/platform/redis.ts'
import { WaitingChannels } from '../src/platform/waiting-channels.ts'
import { within } from '../src/platform/within.ts'
import { logFailure } from './outcome.ts'
import type { SweepTask } from './sweep.ts'

/** How long one question for waiting channels waits in Redis. */
const waitSeconds = 5
/** How much longer its answer may take before the line counts as dead. */
const silenceMs = 2000
/** Between two questions that failed. */
const pauseMs = 250

/**
 * Wakes the intake for channels that are waiting, and takes no more of them than it can begin with: while it is busy they
 * wait in Redis, each once, where other workers find them. Redis that is away or silent is asked again; the sweep does the
 * work meanwhile.
 */
export class IngestNudges {
  readonly #deps: Deps
  readonly #ingest: Ingest
  readonly #redis: Redis
  readonly #running: Promise<void>
  #isClosing = false

  constructor(deps: Deps, ingest: Ingest) {
    this.#deps = deps
    this.#ingest = ingest
    this.#redis = openRedis(deps.config, deps.log, 'worker-ingest-inbound')
    this.#running = this.#run()
  }

  async close(): Promise<void> {
    this.#isClosing = true
    this.#redis.disconnect()
    await this.#running
  }

  async #run(): Promise<void> {
    const { config, log } = this.#deps
    const waiting = new WaitingChannels(this.#redis, config.REDIS_PREFIX)
    while (!this.#isClosing) {
      await this.#ingest.free()
      try {
        const channels = await within(
          waiting.take(config.WEBHOOK_TOGETHER, waitSeconds),
          waitSeconds * 1000 + silenceMs,
        )
        for (const channel of channels)
          this.#ingest.wake(channel).catch((error: unknown) => logFailure(log, 'ingest-inbound', error))
      } catch (error) {
        if (this.#isClosing) return
        log.debug({ reason: String(error) }, 'the waiting channels were not told')
        // A line that is dead without knowing it is made anew.
        if (this.#redis.status === 'ready') this.#redis.disconnect(true)
        await pause(pauseMs)
      }
    }
  }
}

/** Channels that one look of the sweep takes. */
const mostChannels = 1000

/** Deliveries whose nudge was lost, those that are to be tried again, and how far behind we are. */
export function inboundSweeps(deps: Deps, ingest: Ingest): readonly SweepTask[] {
  const everyMs = deps.config.SWEEP_MS
  return [
    {
      name: 'due-deliveries',
      everyMs,
      run: async (query) => {
        const due = await query<{ tenant_id: string; channel_id: string }>(
          'select tenant_id, channel_id from channels_with_deliveries($1)',
          [mostChannels],
        )
        for (const { tenant_id: tenantId, channel_id: channelId } of due)
          ingest.wake({ tenantId, channelId }).then(
            (deliveries) => deps.metrics.jobsReconciled.inc({ job: 'ingest-inbound' }, deliveries),
            (error: unknown) => logFailure(deps.log, 'ingest-inbound', error),
          )
      },
    },
    {
      name: 'inbox-gauges',
      everyMs,
      run: async (query) => {
        const [backlog] = await query<{ oldest_seconds: number | null; parked: number; quarantined: number }>(
          'select oldest_seconds, parked, quarantined from inbox_backlog()',
        )
        deps.metrics.inboxOldest.set(backlog?.oldest_seconds ?? 0)
        deps.metrics.deadLetters.set(backlog?.parked ?? 0)
        deps.metrics.quarantined.set(backlog?.quarantined ?? 0)
      },
    },
  ]
}
