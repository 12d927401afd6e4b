import { Failure } from '../contract/errors.ts'
import type { Position } from '../contract/position.ts'
import { isUnavailable } from '../platform/db.ts'
import { isUuid } from '../platform/uuid.ts'
import { readTenant } from './read-tenant.ts'
import type { LogDeps } from './tenant-tx.ts'
import type { ConversationPlace } from './scope.ts'
import { type LogAnswer, type Page, pageOf } from './stored-event.ts'

/** Why a reader cannot go on from its position and must start from a snapshot. */
export type Unreadable = 'trimmed' | 'epoch' | 'future' | 'too_far'

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
  return pageOf(answer)
}

/**
 * One statement without parameters: a gateway reads after every bell, and bound parameters cost it 100 of 300 µs each
 * time (five messages and a description where one is enough). What is put into the text is a UUID and integers.
 */
async function readLog(
  deps: Pick<LogDeps, 'db'>,
  tenantId: string,
  numbers: readonly number[],
): Promise<LogAnswer | null> {
  if (!isUuid(tenantId) || !numbers.every(Number.isSafeInteger)) throw new Failure('not_found')
  try {
    const { rows } = await deps.db.read.query<{ log: LogAnswer | null }>(
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
