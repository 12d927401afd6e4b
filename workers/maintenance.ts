import type { Deps } from '../src/deps.ts'
import type { SweepTask } from './sweep.ts'

const hourMs = 3_600_000
const partitionDaysAhead = 7
/** What messages are found by and written to. */
const messagePath = [
  'contacts',
  'contact_identities',
  'conversations',
  'messages',
  'attachments',
  'send_attempts',
  'parked_updates',
  'webhook_inbox',
]
const growthMs = 5000
/** Rows that one statement throws away, so that it stays short. */
const deliveriesAtOnce = 5000

/** What is kept for a time and then thrown away, the partitions of the coming days, and what the server should know of tables. */
export function maintenance(deps: Pick<Deps, 'config' | 'log'>): readonly SweepTask[] {
  const { config, log } = deps
  return [
    {
      // Autovacuum looks once a minute. A new installation that is busy from its first second would read whole tables until
      // then, by plans from when they were empty.
      name: 'grown-tables',
      everyMs: growthMs,
      run: async (query) => {
        await query('select analyze_grown($1)', [messagePath])
      },
    },
    {
      name: 'event-partitions',
      everyMs: hourMs,
      run: async (query) => {
        const done = await query<{ action: string; partition_name: string }>(
          'select action, partition_name from maintain_event_partitions($1, $2)',
          [partitionDaysAhead, config.LOG_KEEP_DAYS],
        )
        for (const { action, partition_name: partition } of done)
          log.info({ partition }, `a partition was ${action}`)
      },
    },
    {
      name: 'old-deliveries',
      everyMs: hourMs,
      run: async (query) => {
        const keeps = [
          ['sweep_deliveries', config.WEBHOOK_KEEP_DAYS],
          ['sweep_quarantine', config.WEBHOOK_QUARANTINE_DAYS],
        ] as const
        for (const [sweep, days] of keeps)
          for (let gone = deliveriesAtOnce; gone === deliveriesAtOnce; ) {
            const [row] = await query<{ gone: number }>(
              `select ${sweep}(make_interval(days => $1), $2) as gone`,
              [days, deliveriesAtOnce],
            )
            gone = row?.gone ?? 0
          }
      },
    },
    {
      name: 'old-keys',
      everyMs: hourMs,
      run: async (query) => {
        await query('select sweep_idempotency_keys(make_interval(hours => $1))', [config.IDEMPOTENCY_HOURS])
      },
    },
    {
      name: 'old-sign-ins',
      everyMs: hourMs,
      run: async (query) => {
        // Those that ended stay as long as the others, so that a stolen secret is still known as one.
        await query('select sweep_sign_ins(make_interval(hours => $1), make_interval(secs => $2))', [
          config.LOCAL_SESSION_HOURS,
          config.LOCAL_LOCK_SECONDS,
        ])
      },
    },
    {
      name: 'old-parked-updates',
      everyMs: hourMs,
      run: async (query) => {
        await query('select sweep_parked_updates()')
      },
    },
  ]
}
