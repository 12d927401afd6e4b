import { verb } from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { UsageError } from './failure.ts'
import { withInstallation } from './installation.ts'
import { tenantOf } from './operator.ts'
import { count, flag, oneOf, option } from './options.ts'
import { moment, type Output, printable } from './output.ts'
import { type StuckItem, stuckKinds, type StuckKind } from './stuck-items.ts'
import { collectStuck, type Wanted } from './stuck-work.ts'
import { isUuid } from '../platform/uuid.ts'

export const redrive = verb({
  summary: 'List what got stuck, and try it again.',
  options: {
    state: option('STATE', `What to try again: ${stuckKinds.join(', ')}.`, oneOf(stuckKinds)),
    list: flag('Only list it, with the reasons.'),
    tenant: option('SLUG', 'Only of this tenant, by slug or id.'),
    channel: option('ID', 'Only of this channel.', uuid),
    id: option('ID', 'Only this one: the ID of the list.'),
    limit: option('N', 'At most so many; 1000 when not said.', count(1, 100_000)),
  },
  notes: `Without --state everything that is stuck is listed.
  parked        deliveries of which a part made no sense, or that failed WEBHOOK_ATTEMPTS times; what was processed before
                is recognised and not done twice
  quarantined   deliveries of a suspended tenant, a removed number, or a number that nobody had. They go to whose number
                it is now, judged as when they came: by the number in the body and the signature of its own app
  media         files of customers that could not be fetched in MEDIA_ATTEMPTS tries
  jobs          nudges that the queue gave up; usually none, and no work hangs on them
Exit code 1 when something that was asked for stays where it is.`,
  run: ({ options, out }) => {
    if (options.state === 'jobs' && (options.tenant ?? options.channel ?? options.id) !== undefined)
      throw new UsageError('jobs can only be tried again together; leave --tenant, --channel and --id out')
    const id = options.id === undefined ? undefined : itemId(options.id, options.state)
    return withInstallation(async (installation) => {
      const only = options.tenant === undefined ? undefined : await tenantOf(installation, options.tenant)
      const wanted: Wanted = {
        kinds: options.state === undefined ? stuckKinds : [options.state],
        tenantId: only?.id,
        channelId: options.channel,
        id,
        limit: options.limit ?? 1000,
        redrive: options.state !== undefined && !options.list,
      }
      const items = await collectStuck(installation, wanted)
      const left = items.filter((item) => item.outcome === 'left')
      out.answer({ redriven: wanted.redrive ? items.length - left.length : 0, items }, () =>
        print(out, items, wanted),
      )
      return left.length > 0 ? exitCodes.found : exitCodes.ok
    })
  },
})

function uuid(text: string): string {
  if (!isUuid(text)) throw new UsageError(`expected an id, not ${text}`)
  return text
}

/** Deliveries have numbers, files have UUIDs; which one is meant can only be said together with the state. */
function itemId(text: string, state: StuckKind | undefined): string {
  if (state === undefined) throw new UsageError('--id needs --state, which says what it is')
  const fits = state === 'media' ? isUuid(text) : /^[1-9]\d{0,15}$/.test(text)
  if (!fits) throw new UsageError(`--id: ${text} is no id of ${state}`)
  return text
}

function print(out: Output, items: readonly StuckItem[], { redrive, limit }: Wanted): void {
  out.table(
    items,
    [
      { title: 'STATE', cell: (one) => one.kind },
      { title: 'ID', cell: (one) => one.id },
      { title: 'TENANT', cell: (one) => one.tenant },
      { title: 'CHANNEL', cell: (one) => one.channelId },
      { title: 'SINCE', cell: (one) => moment(one.since) },
      { title: 'TRIES', cell: (one) => one.attempts, align: 'right' },
      ...(redrive
        ? [
            {
              title: 'NOW',
              cell: (one: StuckItem) => (one.outcome === 'left' ? 'stays' : 'tried again'),
              tone: (one: StuckItem) => (one.outcome === 'left' ? ('warn' as const) : ('ok' as const)),
            },
          ]
        : []),
      { title: 'REASON', cell: (one) => shortened(one.why ?? one.reason) },
    ],
    'Nothing is stuck.',
  )
  if (items.length >= limit) out.line(`There may be more; these are the first ${limit} of each.`)
  if (!redrive && items.length > 0)
    out.line(`Try again: switchboard redrive --state ${items[0]?.kind}`, 'dim')
}

const longestReason = 120

function shortened(reason: string | null): string | null {
  if (reason === null || reason.length <= longestReason) return reason
  return `${printable(reason).slice(0, longestReason - 1)}…`
}
