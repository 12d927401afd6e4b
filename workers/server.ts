import type { Deps } from '../src/deps.ts'
import { giveReminders } from '../src/domain/activities/remind.ts'
import { endRestriction } from '../src/domain/channels/end-restrictions.ts'
import { wakeSnoozed } from '../src/domain/conversations/wake-snoozed.ts'
import { openDeliveries } from '../src/domain/messages/deliver-messages.ts'
import { tellRead } from '../src/domain/messages/tell-read.ts'
import { tidyMedia } from '../src/domain/media/sweep-media.ts'
import { seedPipelines } from '../src/domain/pipelines/seed-pipeline.ts'
import { customerPresence } from '../src/domain/conversations/show-presence.ts'
import { openIngest } from '../src/domain/webhooks/ingest.ts'
import { outboundSweeps } from './deliver-outbound.ts'
import { MediaFetcher } from './fetch-media.ts'
import { IngestNudges, inboundSweeps } from './ingest-inbound.ts'
import { maintenance } from './maintenance.ts'
import { retention } from './retention.ts'
import { Imports } from './run-import.ts'
import { startSweep } from './sweep.ts'
import { TemplateSyncs } from './sync-templates.ts'
import { startWorkerRegistry } from './worker-registry.ts'

export interface Workers {
  /** Takes nothing more and settles when what was begun has its outcome. The caller decides how long to wait for that. */
  close(): Promise<void>
}

/** Conversations that one look wakes. */
const mostSnoozes = 500
/** Reminders that one look gives. */
const mostReminders = 500
/** Numbers whose restriction one look ends. */
const mostRestrictions = 100
const tidyMediaMs = 600_000
/** Tenants that one look gives their default pipeline. */
const mostPipelines = 100
const pipelinesMs = 600_000

/** Everything that works in the background: what a nudge starts, and the sweep that finds what no nudge told. */
export function startWorkers(deps: Deps): Workers {
  const deliveries = openDeliveries(deps)
  const ingest = openIngest(deps, ({ tenantId, channelId }, presences) => {
    void customerPresence(deps, tenantId, channelId, presences)
  })
  const media = new MediaFetcher(deps)
  const templates = new TemplateSyncs(deps)
  const imports = new Imports(deps)
  const nudges = new IngestNudges(deps, ingest)
  const registry = startWorkerRegistry(deps, {
    'deliver-outbound': (channel) => deliveries.deliverChannel(channel),
    'fetch-media': (job) => media.fetch(job),
    'mark-read': (reading) => tellRead(deps, reading),
    'sync-templates': (channel) => templates.sync(channel),
    'run-import': async (job) => imports.begin(job),
  })
  const sweep = startSweep(deps, [
    ...inboundSweeps(deps, ingest),
    ...outboundSweeps(deps, deliveries),
    ...maintenance(deps),
    ...retention(deps),
    templates.sweep,
    imports.sweep,
    {
      name: 'default-pipelines',
      everyMs: pipelinesMs,
      run: async () => {
        await seedPipelines(deps, { atMost: mostPipelines })
      },
    },
    {
      name: 'ended-restrictions',
      everyMs: deps.config.SWEEP_MS,
      run: async (query) => {
        const ended = await query<{ tenant_id: string; channel_id: string }>(
          'select tenant_id, channel_id from channels_with_ended_restrictions($1)',
          [mostRestrictions],
        )
        for (const { tenant_id: tenantId, channel_id: channelId } of ended)
          await endRestriction(deps, { tenantId, channelId })
      },
    },
    {
      name: 'snoozes',
      everyMs: deps.config.SWEEP_MS,
      run: async () => {
        await wakeSnoozed(deps, { atMost: mostSnoozes })
      },
    },
    {
      name: 'reminders',
      everyMs: deps.config.SWEEP_MS,
      run: async () => {
        await giveReminders(deps, { atMost: mostReminders })
      },
    },
    {
      name: 'due-media',
      everyMs: deps.config.SWEEP_MS,
      run: async () => {
        deps.metrics.jobsReconciled.inc({ job: 'fetch-media' }, await media.sweep())
      },
    },
    {
      name: 'tidy-media',
      everyMs: tidyMediaMs,
      run: async () => {
        await tidyMedia(deps)
      },
    },
  ])
  return {
    close: async () => {
      // Intake first, so that nothing new begins while the calls under way come to their end.
      await Promise.all([
        sweep.close(),
        registry.close(),
        nudges.close(),
        ingest.close(),
        deliveries.close(),
        media.stop(),
        templates.stop(),
        imports.stop(),
      ])
    },
  }
}
