import type { Deps } from '../src/deps.ts'
import type { Deliveries } from '../src/domain/messages/deliver-messages.ts'
import { abandonAttempts } from '../src/domain/messages/resolve-unknown.ts'
import type { SweepTask } from './sweep.ts'

/** Numbers and attempts that one look of the sweep takes. */
const mostChannels = 1000
const mostAttempts = 500

/** What of the sends a lost nudge or a lost worker leaves behind. */
export function outboundSweeps(deps: Deps, deliveries: Deliveries): readonly SweepTask[] {
  return [
    {
      name: 'due-sends',
      everyMs: deps.config.SWEEP_MS,
      run: async (query) => {
        const due = await query<{ tenant_id: string; channel_id: string }>(
          'select tenant_id, channel_id from channels_with_due_sends($1)',
          [mostChannels],
        )
        for (const { tenant_id: tenantId, channel_id: channelId } of due)
          void deliveries.deliverChannel({ tenantId, channelId }).then((claimed) => {
            deps.metrics.jobsReconciled.inc({ job: 'deliver-outbound' }, claimed)
          })
      },
    },
    {
      name: 'lost-sends',
      everyMs: deps.config.SWEEP_MS,
      run: async (query) => {
        const lost = await query<{ tenant_id: string; attempt_id: string }>(
          'select tenant_id, attempt_id from abandoned_attempts($1)',
          [mostAttempts],
        )
        for (const [tenantId, attempts] of Map.groupBy(lost, (row) => row.tenant_id)) {
          const ids = attempts.map((row) => row.attempt_id)
          const unknown = await abandonAttempts(deps, tenantId, ids)
          if (unknown > 0) deps.log.warn({ tenantId, unknown }, 'a worker was lost while it was sending')
        }
      },
    },
    {
      name: 'send-gauges',
      everyMs: deps.config.SWEEP_MS,
      run: async (query) => {
        const [backlog] = await query<{ oldest_seconds: number | null; unknown_messages: number }>(
          'select oldest_seconds, unknown_messages from outbound_backlog()',
        )
        deps.metrics.outboxOldest.set(backlog?.oldest_seconds ?? 0)
        deps.metrics.sendUnknown.set(backlog?.unknown_messages ?? 0)
      },
    },
  ]
}
