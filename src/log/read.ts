import type { Position } from '../contract/position.ts'
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

interface Row {
  epoch: number
  seq: number
  type: string
  at: string
  scope: Scope
  channel_id: string | null
  assignee_id: string | null
  team_id: string | null
  actor: string
  payload: string
}

/**
 * Committed events of one tenant, oldest first, strictly after `after`, at most `limit` (1–1000), with the head that
 * they were read at. No events means caught up at that moment, not for ever. `seq` has no holes (LOG2), so a first event
 * that is not the next one means that the log was trimmed.
 * Answers with the reason instead when the position is trimmed, of another epoch, or ahead of the head (a restored
 * backup), or more than `farthest` events behind.
 * Cost: one range scan on (tenant_id, epoch, seq) and a join by primary key, no locks (docs/measurements.md).
 */
export function readEvents(
  deps: Pick<LogDeps, 'db'>,
  tenantId: string,
  after: Position,
  limit: number,
  farthest = Number.POSITIVE_INFINITY,
): Promise<Page | Unreadable> {
  return readTenant(deps, tenantId, async (query) => {
    const [head] = await query<{ epoch: number; seq: number }>(
      'select epoch, seq from tenant_heads where tenant_id = $1',
      [tenantId],
    )
    if (!head || head.epoch !== after.epoch) return 'epoch'
    if (after.seq > head.seq) return 'future'
    if (head.seq - after.seq > farthest) return 'too_far'
    if (after.seq === head.seq) return { head, events: [] }
    const rows = await query<Row>(
      `select e.epoch, e.seq, e.type, e.occurred_at as at, e.scope, c.channel_id, c.assignee_id, c.team_id,
              e.actor::text as actor, e.payload::text as payload
       from events e left join conversations c on c.tenant_id = e.tenant_id and c.id = e.conversation_id
       where e.tenant_id = $1 and e.epoch = $2 and e.seq > $3 and e.seq <= $3 + $4
       order by e.seq`,
      [tenantId, after.epoch, after.seq, limit],
    )
    if (rows[0]?.seq !== after.seq + 1) return 'trimmed'
    return { head, events: rows.map(present) }
  })
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

function present(row: Row): StoredEvent {
  return {
    epoch: row.epoch,
    seq: row.seq,
    type: row.type,
    at: row.at,
    scope: row.scope,
    place:
      row.channel_id === null
        ? null
        : { channelId: row.channel_id, assigneeId: row.assignee_id, teamId: row.team_id },
    actor: row.actor,
    payload: row.payload,
  }
}

/** The event as clients get it (LogEvent), encoded once for all of them. */
export function encodeEvent(event: StoredEvent): string {
  return `{"seq":${event.seq},"epoch":${event.epoch},"type":"${event.type}","at":"${event.at}","actor":${event.actor},"data":${event.payload}}`
}
