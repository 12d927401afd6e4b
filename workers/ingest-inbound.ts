import type { Deps } from '../src/deps.ts'
import type { Ingest } from '../src/domain/webhooks/ingest.ts'
import { logFailure } from './outcome.ts'
import type { SweepTask } from './sweep.ts'

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
