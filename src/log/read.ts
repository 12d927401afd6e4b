import { Failure } from '../contract/errors.ts'
import type { Position } from '../contract/position.ts'
import { isUnavailable } from '../platform/db.ts'
import { isUuid } from '../platform/uuid.ts'
import { type LogDeps, readTenant } from './tenant-tx.ts'
import type { ConversationPlace, Scope } from './scope.ts'

/** An event as the log holds it. `actor` and `payload` are JSON text, just as they were written. */
export interface StoredEvent {
  readonly epoch: number
  readonly seq: number
  readonly type: string
  readonly at: string
  readonly scope: Scope
  /** Where its conversation is now, for events that hang on one; null when it is gone. */
  readonly place: ConversationPlace | null
  readonly actor: string
  readonly payload: string
}

export interface Page {
  readonly head: Position
  readonly events: readonly StoredEvent[]
}

/** Why a reader cannot go on from its position and must start from a snapshot. */
export type Unreadable = 'trimmed' | 'epoch' | 'future' | 'too_far'

/** What read_log() answers with (migration 000014): the head, then the events with the places of their conversations. */
type Answer = [epoch: number, seq: number, events: Row[]]
type Row = [
  seq: number,
  type: string,
  at: string,
  scope: Scope,
  channelId: string | null,
  assigneeId: string | null,
  teamId: string | null,
  actor: string,
  payload: string,
]

/**
 * Committed events of one tenant, oldest first, strictly after `after`, at most `limit` (1–1000), with the head that
 * they were read at. No events means caught up at that moment, not for ever. `seq` has no holes (LOG2), so a first event
 * that is not the next one means that the log was trimmed.
 * Answers with the reason instead when the position is trimmed, of another epoch, or ahead of the head (a restored
 * backup), or more than `farthest` events behind.
 * Cost: one round trip, a plan that is kept, one range scan on (tenant_id, epoch, seq) and a join by primary key, no
 * locks (docs/measurements.md).
 */
export async function readEvents(
  deps: Pick<LogDeps, 'db'>,
  tenantId: string,
  after: Position,
  limit: number,
  farthest: number = Number.MAX_SAFE_INTEGER,
): Promise<Page | Unreadable> {
  const answer = await readLog(deps, tenantId, [after.epoch, after.seq, limit, farthest])
  if (answer?.[0] !== after.epoch) return 'epoch'
  const [epoch, seq, rows] = answer
  const head = { epoch, seq }
  if (after.seq > seq) return 'future'
  if (seq - after.seq > farthest) return 'too_far'
  if (after.seq === seq) return { head, events: [] }
  if (rows[0]?.[0] !== after.seq + 1) return 'trimmed'
  return { head, events: rows.map((row) => present(epoch, row)) }
}

/**
 * One statement without parameters: a gateway reads after every bell, and bound parameters cost it 100 of 300 µs each
 * time (five messages and a description where one is enough). What is put into the text is a UUID and integers.
 */
async function readLog(
  deps: Pick<LogDeps, 'db'>,
  tenantId: string,
  numbers: readonly number[],
): Promise<Answer | null> {
  if (!isUuid(tenantId) || !numbers.every(Number.isSafeInteger)) throw new Failure('not_found')
  try {
    const { rows } = await deps.db.read.query<{ log: Answer | null }>(
      `select read_log('${tenantId}', ${numbers.join(', ')}) as log`,
    )
    return rows[0]?.log ?? null
  } catch (error) {
    if (isUnavailable(error)) throw new Failure('unavailable', {}, { cause: error })
    throw error
  }
}

/** Where a conversation is now, which decides who may see it; null when there is none. */
export function readPlace(
  deps: Pick<LogDeps, 'db'>,
  tenantId: string,
  conversationId: string,
): Promise<ConversationPlace | null> {
  return readTenant(deps, tenantId, async (query) => {
    const [row] = await query<{ channel_id: string; assignee_id: string | null; team_id: string | null }>(
      'select channel_id, assignee_id, team_id from conversations where tenant_id = $1 and id = $2',
      [tenantId, conversationId],
    )
    return row ? { channelId: row.channel_id, assigneeId: row.assignee_id, teamId: row.team_id } : null
  })
}

/** The head as a snapshot sees it (readTenant): everything else that it reads is the state at this position. */
export async function headIn(
  query: <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>,
  tenantId: string,
): Promise<Position> {
  const [head] = await query<Position>('select epoch, seq from tenant_heads where tenant_id = $1', [tenantId])
  if (!head) throw new Failure('not_found')
  return head
}

/** The tenant's head: where "from now on" begins. */
export async function readHead(deps: Pick<LogDeps, 'db'>, tenantId: string): Promise<Position> {
  const heads = await readHeads(deps, [tenantId])
  return heads.get(tenantId) ?? { epoch: 1, seq: 0 }
}

/** Heads of many tenants in one statement, for polling. A tenant that does not exist is missing in the answer. */
export async function readHeads(
  deps: Pick<LogDeps, 'db'>,
  tenantIds: readonly string[],
): Promise<Map<string, Position>> {
  const { rows } = await deps.db.read.query<{ tenant_id: string; epoch: number; seq: number }>(
    'select tenant_id, epoch, seq from heads_of($1)',
    [tenantIds],
  )
  return new Map(rows.map((row) => [row.tenant_id, { epoch: row.epoch, seq: row.seq }]))
}

function present(epoch: number, row: Row): StoredEvent {
  const [seq, type, at, scope, channelId, assigneeId, teamId, actor, payload] = row
  const place = channelId === null ? null : { channelId, assigneeId, teamId }
  return { epoch, seq, type, at, scope, place, actor, payload }
}

/** The event as clients get it (LogEvent), encoded once for all of them. */
export function encodeEvent(event: StoredEvent): string {
  return `{"seq":${event.seq},"epoch":${event.epoch},"type":"${event.type}","at":"${event.at}","actor":${event.actor},"data":${event.payload}}`
}
