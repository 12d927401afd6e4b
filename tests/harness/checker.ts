import type { Role } from '../../src/contract/records.ts'
import type { Position } from '../../src/contract/position.ts'

/** What one client heard without a break: from a snapshot or a `reset` to the next one. */
export interface Chain {
  readonly from: Position
  readonly heard: readonly { readonly seq: number; readonly print: string }[]
  /** All up to here was heard, or considered for this client. */
  readonly to: Position
}

export interface Observer {
  readonly name: string
  readonly tenant: string
  readonly role: Role
  readonly chains: readonly Chain[]
}

/** An event as the log has it. */
export interface LoggedEvent {
  readonly seq: number
  readonly type: string
  readonly print: string
  readonly scope: string
  readonly data: Record<string, unknown>
}

export interface TenantLog {
  readonly tenant: string
  readonly head: number
  readonly events: readonly LoggedEvent[]
}

/** Something that we answered with success. */
export interface Acked {
  readonly tenant: string
  /** The event that must be in the log exactly once. */
  readonly type: string
  /** What identifies it there, as text of its data: an id. */
  readonly id: string
}

/** A message of ours as it ended, and what the network saw of it. */
export interface SentMessage {
  readonly id: string
  readonly status: string
  /** How often the network took it. */
  readonly accepted: number
  /** The highest status that the network told and we answered 200; null when it told none. */
  readonly told: string | null
}

export interface History {
  readonly logs: readonly TenantLog[]
  readonly observers: readonly Observer[]
  readonly acked: readonly Acked[]
  /** Everything that was asked for with a key, answered or not: once in the log at most. */
  readonly asked: readonly Acked[]
  readonly sent: readonly SentMessage[]
  /** Each client's state when all was quiet, and a fresh snapshot; compared deeply. */
  readonly states: readonly { readonly name: string; readonly held: unknown; readonly fresh: unknown }[]
  /** Everything that a tenant was shown, with the marks of other tenants that were found in it. */
  readonly leaks: readonly { readonly reader: string; readonly mark: string }[]
}

export type Fault =
  | 'hole in the log'
  | 'repeat in the log'
  | 'missing at a client'
  | 'unknown event at a client'
  | 'repeat at a client'
  | 'reorder at a client'
  | 'changed on the way'
  | 'acked and lost'
  | 'doubled effect'
  | 'sent twice'
  | 'never settled'
  | 'settled wrongly'
  | 'status fell back'
  | 'state differs'
  | 'leak between tenants'

export interface Anomaly {
  readonly fault: Fault
  readonly detail: string
}

/**
 * The invariants of a storm, judged on its recorded history alone: I1 (nothing acked is lost), I2 (the log is 1..n), I3 (every
 * client's chain is whole and in order), I4 (what it holds is a fresh snapshot), I5 (tenants hear nothing of each other),
 * I6 (one effect). Who sees the whole tenant must have heard all of it; what an agent missed shows in its state. An empty
 * answer is a good one.
 */
export function check(history: History): Anomaly[] {
  const logs = new Map(history.logs.map((log) => [log.tenant, log]))
  return [
    ...history.logs.flatMap(checkLog),
    ...history.logs.flatMap(checkStatuses),
    ...history.observers.flatMap((observer) => {
      const log = logs.get(observer.tenant)
      return log ? observer.chains.flatMap((chain) => checkChain(observer, chain, log)) : []
    }),
    ...checkKeys(history, logs),
    ...history.sent.flatMap(checkSent),
    ...history.states.flatMap(({ name, held, fresh }) =>
      differences(held, fresh).map((detail) => ({
        fault: 'state differs' as const,
        detail: `${name}: ${detail}`,
      })),
    ),
    ...history.leaks.map(({ reader, mark }) => ({
      fault: 'leak between tenants' as const,
      detail: `${reader} was shown ${mark}`,
    })),
  ]
}

function checkLog({ tenant, head, events }: TenantLog): Anomaly[] {
  const found: Anomaly[] = []
  const seqs = events.map((event) => event.seq)
  for (const [place, seq] of seqs.entries()) {
    const before = place === 0 ? 0 : (seqs[place - 1] ?? 0)
    if (seq === before) found.push({ fault: 'repeat in the log', detail: `${tenant} ${seq}` })
    else if (seq !== before + 1)
      found.push({ fault: 'hole in the log', detail: `${tenant} ${before}..${seq}` })
  }
  if ((seqs.at(-1) ?? 0) !== head)
    found.push({ fault: 'hole in the log', detail: `${tenant} ends at ${seqs.at(-1)}, its head is ${head}` })
  return found
}

const rungs = ['message.sent', 'message.delivered', 'message.read']

/** Statuses of a message climb; a failure may stand between them. */
function checkStatuses({ tenant, events }: TenantLog): Anomaly[] {
  const reached = new Map<unknown, number>()
  return events.flatMap(({ seq, type, data }) => {
    const rung = rungs.indexOf(type)
    if (rung < 0) return []
    const before = reached.get(data['messageId']) ?? -1
    reached.set(data['messageId'], Math.max(before, rung))
    return rung <= before
      ? [{ fault: 'status fell back' as const, detail: `${tenant} ${seq}: ${type} after ${rungs[before]}` }]
      : []
  })
}

const wholeTenant: Record<Role, readonly string[]> = {
  admin: ['tenant', 'conversation', 'managers', 'admins'],
  manager: ['tenant', 'conversation', 'managers'],
  viewer: ['tenant', 'conversation'],
  agent: [],
}

function checkChain({ name, role }: Observer, chain: Chain, log: TenantLog): Anomaly[] {
  const found: Anomaly[] = []
  const logged = new Map(log.events.map((event) => [event.seq, event]))
  let last = chain.from.seq
  const heard = new Set<number>()
  for (const { seq, print } of chain.heard) {
    if (heard.has(seq)) found.push({ fault: 'repeat at a client', detail: `${name} ${seq}` })
    else if (seq <= last) found.push({ fault: 'reorder at a client', detail: `${name} ${seq} after ${last}` })
    const event = logged.get(seq)
    if (!event) found.push({ fault: 'unknown event at a client', detail: `${name} ${seq}` })
    else if (event.print !== print)
      found.push({ fault: 'changed on the way', detail: `${name} ${seq} ${event.type}` })
    heard.add(seq)
    last = Math.max(last, seq)
  }
  const scopes = wholeTenant[role]
  for (const { seq, type, scope } of log.events)
    if (seq > chain.from.seq && seq <= chain.to.seq && scopes.includes(scope) && !heard.has(seq))
      found.push({ fault: 'missing at a client', detail: `${name} ${seq} ${type}` })
  return found
}

function checkKeys({ acked, asked }: History, logs: ReadonlyMap<string, TenantLog>): Anomaly[] {
  const counts = new Map<string, number>()
  for (const log of logs.values())
    for (const event of log.events)
      for (const id of idsOf(event)) {
        const key = `${log.tenant} ${event.type} ${id}`
        counts.set(key, (counts.get(key) ?? 0) + 1)
      }
  const keyOf = ({ tenant, type, id }: Acked) => `${tenant} ${type} ${id}`
  const keys = new Set([...acked, ...asked].map(keyOf))
  return [
    ...acked
      .map(keyOf)
      .filter((key) => !counts.has(key))
      .map((detail) => ({ fault: 'acked and lost' as const, detail })),
    ...[...keys]
      .filter((key) => (counts.get(key) ?? 0) > 1)
      .map((detail) => ({ fault: 'doubled effect' as const, detail })),
  ]
}

/** What an event about something new can be known by: our id, the network's, or the key that the client made. */
function idsOf({ data }: LoggedEvent): string[] {
  const thing = (data['message'] ?? data['note'] ?? data['customer']) as Record<string, unknown> | undefined
  if (!thing) return []
  const names = ['id', 'providerMessageId', 'clientMessageId', 'body', 'name']
  return names.map((name) => thing[name]).filter((value) => typeof value === 'string')
}

const ladder = ['queued', 'sent', 'delivered', 'read']

/** What the network took is sent at least, and as far as it said; what it never took is open or failed, never sent. */
function checkSent({ id, status, accepted, told }: SentMessage): Anomaly[] {
  if (accepted > 1) return [{ fault: 'sent twice', detail: `${id}: ${accepted} times` }]
  if (status === 'queued') return [{ fault: 'never settled', detail: id }]
  const rung = ladder.indexOf(status)
  const wrong =
    (accepted === 0 && rung > 0) ||
    (told !== null && ladder.indexOf(told) > rung) ||
    (accepted === 1 && status === 'failed')
  return wrong
    ? [{ fault: 'settled wrongly', detail: `${id} is ${status}; accepted ${accepted}, told ${told}` }]
    : []
}

const mostDifferences = 20

/** Where two JSON-like values differ, as paths with both values; nothing when they are equal. */
export function differences(one: unknown, other: unknown, path = ''): string[] {
  if (Object.is(one, other)) return []
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null)
    return [`${path}: ${short(one)} against ${short(other)}`]
  const [left, right] = [one as Record<string, unknown>, other as Record<string, unknown>]
  const names = new Set([...Object.keys(left), ...Object.keys(right)])
  return [...names]
    .flatMap((name) => differences(left[name], right[name], `${path}/${name}`))
    .slice(0, mostDifferences)
}

const short = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 120)
