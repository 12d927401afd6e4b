import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import manifest from '../../package.json' with { type: 'json' }

const { version } = manifest

const seconds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/**
 * Between two looks at the delay of the event loop, each of which wakes the process (the library's default is 10).
 * nodejs_eventloop_lag_* count from the look before: they are as much when nothing is late.
 */
const loopDelayMs = 50

/** Everything that a process counts, with base units and no unbounded labels. Shown at /metrics. */
export function createMetrics() {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: loopDelayMs })
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter({ name, help, labelNames: [...labelNames], registers: [registry] })
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge({ name, help, labelNames: [...labelNames], registers: [registry] })
  const histogram = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Histogram({ name, help, labelNames: [...labelNames], buckets: seconds, registers: [registry] })
  gauge('hub_build_info', 'Constant 1 with the version.', ['version']).set({ version }, 1)
  return {
    registry,
    sockets: gauge('hub_sockets', 'Open sessions.'),
    socketConnects: counter('hub_socket_connects_total', 'Handshakes.', ['result']),
    socketCloses: counter('hub_socket_closes_total', 'Closed sessions.', ['code']),
    commitToEmit: histogram(
      'hub_event_commit_to_emit_seconds',
      'From commit of an event to handing it to sockets.',
    ),
    commitToAck: histogram(
      'hub_event_commit_to_ack_seconds',
      'From the commit of what a command or a request changed to its answer.',
    ),
    seqLockWait: histogram(
      'hub_seq_lock_wait_seconds',
      'How long a transaction waited for the head row of its tenant, where events get their numbers.',
    ),
    eventsEmitted: counter('hub_events_emitted_total', 'Events handed to sockets, once per socket.'),
    replayEvents: counter('hub_replay_events_total', 'Events replayed to sessions that caught up.'),
    replays: counter('hub_replay_total', 'Catch-ups.', ['result']),
    resets: counter('hub_reset_total', 'Sessions that had to start from a snapshot.', ['reason']),
    doorbellMissed: counter('hub_doorbell_missed_total', 'News found by polling before a bell rang.'),
    tailPages: counter(
      'hub_tail_pages_total',
      'Pages of events that a gateway took, from a bell or read from the log.',
      ['from'],
    ),
    doorbellLag: histogram('hub_doorbell_lag_seconds', 'How long a bell to oneself takes.'),
    headLag: gauge('hub_gateway_head_lag_events', 'Events committed but not yet read by this gateway.'),
    socketBuffer: gauge('hub_socket_buffer_bytes', 'Bytes that wait for clients to read, over all sessions.'),
    slowKicks: counter('hub_slow_kicks_total', 'Sessions closed because they did not read.'),
    ingressAck: histogram('hub_ingress_ack_seconds', 'From a webhook to its answer.', ['provider']),
    ingress: counter('hub_ingress_total', 'Webhooks by result.', ['provider', 'result']),
    webhookItems: counter('hub_webhook_items_total', 'What stood in processed webhooks, by kind.', [
      'provider',
      'kind',
    ]),
    webhookLooksFailed: counter(
      'hub_webhook_looks_failed_total',
      'Looks at inboxes of several tenants that failed and were taken again one by one.',
    ),
    inboxOldest: gauge('hub_inbox_oldest_seconds', 'Age of the oldest webhook that waits to be processed.'),
    quarantined: gauge('hub_quarantined', 'Deliveries that belong to nobody who may have them.'),
    outboxOldest: gauge('hub_outbox_oldest_seconds', 'Age of the oldest message that waits to be sent.'),
    jobsReconciled: counter(
      'hub_jobs_reconciled_total',
      'Work found by the sweep because its nudge was lost.',
      ['job'],
    ),
    workersRebuilt: counter(
      'hub_workers_rebuilt_total',
      'Queue workers that stayed silent and were built anew.',
      ['job'],
    ),
    deadLetters: gauge('hub_dead_letters', 'Deliveries that are parked.'),
    providerSends: counter('hub_provider_send_total', 'Calls to networks.', ['provider', 'result']),
    sendsFenced: counter('hub_send_fenced_total', 'Outcomes of workers that had lost their claim; refused.'),
    sendUnknown: gauge('hub_send_unknown', 'Messages of which we do not know whether they went out.'),
    mediaFetches: counter(
      'hub_media_fetches_total',
      'Tries to fetch a file from a network, by what came of them.',
      ['result'],
    ),
    mediaPendingOldest: gauge(
      'hub_media_pending_oldest_seconds',
      'Age of the oldest file that waits to be fetched.',
    ),
    httpRequests: histogram('hub_http_request_seconds', 'From a REST request to its answer.', [
      'method',
      'route',
      'status',
    ]),
    rlsContextErrors: counter(
      'hub_rls_context_errors_total',
      'Statements that row security refused because of the tenant that was set; 0, or a fault of ours.',
    ),
    authzDenied: counter('hub_authz_denied_total', 'Refused actions.', ['code']),
  }
}
export type Metrics = ReturnType<typeof createMetrics>
