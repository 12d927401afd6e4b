import type { Actor } from './actor.ts'
import { can } from './can.ts'

/** A condition on `conversations c` with its parameters, numbered from `first`. */
export interface SqlCondition {
  readonly sql: string
  readonly values: readonly unknown[]
}

/** A place that is nobody's own: who may read even that reads everything. */
const elsewhere = {
  channelId: '00000000-0000-0000-0000-000000000000',
  assigneeId: '00000000-0000-0000-0000-000000000001',
  teamId: '00000000-0000-0000-0000-000000000002',
}

/**
 * The `near` rule of can.ts as SQL, for lists and snapshots: which conversations the actor may read. A test compares the
 * two on random people and places (CON11). Whoever changes one changes the other.
 */
export function conversationVisibility(actor: Actor, first: number): SqlCondition {
  if (!can(actor, 'conversation.read')) return { sql: 'false', values: [] }
  if (actor.kind === 'system' || can(actor, 'conversation.read', elsewhere))
    return { sql: 'true', values: [] }
  const [me, teams, closed] = [`$${first}::uuid`, `$${first + 1}::uuid[]`, `$${first + 2}::uuid[]`]
  return {
    sql: `c.channel_id <> all(${closed})
      and (c.assignee_id = ${me} or c.team_id = any(${teams}) or (c.assignee_id is null and c.team_id is null))`,
    values: [actor.id, [...actor.teamIds], [...actor.closedChannelIds]],
  }
}
