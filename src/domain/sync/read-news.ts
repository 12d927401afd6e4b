import type { Actor } from '../../auth/actor.ts'
import { mayHear, sightChangeOf } from '../../auth/audience.ts'
import { Failure } from '../../contract/errors.ts'
import { formatPosition, type Position } from '../../contract/position.ts'
import type { Reset } from '../../contract/socket.ts'
import { readEvents, readHead } from '../../log/read.ts'
import type { StoredEvent } from '../../log/stored-event.ts'
import type { LogDeps } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'

export interface News {
  readonly events: readonly StoredEvent[]
  /** All up to here was considered; where to go on, although the last event may have been for others. */
  readonly position: string
  /** The log goes on behind `position`. */
  readonly more: boolean
}

/**
 * What happened after a position, as far as the actor may hear it now: the replay of the socket, over REST. Looks at
 * `limit` events (at most REPLAY_PAGE) and gives those that are for the actor.
 * Fails with `log_position_gone`; `details.reason` says why, `details.position` is the head. Also when the actor's own
 * rights changed meanwhile: what it may see since then never happened as an event.
 */
export async function readNews(
  deps: Pick<LogDeps, 'db'> & { readonly config: Pick<Config, 'REPLAY_EVENTS' | 'REPLAY_PAGE'> },
  actor: Actor,
  input: { readonly after: Position; readonly limit: number },
): Promise<News> {
  const limit = Math.min(input.limit, deps.config.REPLAY_PAGE)
  const page = await readEvents(deps, actor.tenantId, input.after, limit, deps.config.REPLAY_EVENTS)
  if (typeof page === 'string') throw await gone(deps, actor, page)
  if (actor.kind !== 'system' && page.events.some((event) => sightChangeOf(event)?.(actor)))
    throw await gone(deps, actor, 'access_changed')
  const last = page.events.at(-1) ?? input.after
  return {
    events: page.events.filter((event) => mayHear(actor, event.scope, event.place)),
    position: formatPosition(last),
    more: last.seq < page.head.seq,
  }
}

async function gone(deps: Pick<LogDeps, 'db'>, actor: Actor, reason: Reset['reason']): Promise<Failure> {
  const head = await readHead(deps, actor.tenantId)
  return new Failure('log_position_gone', { reason, position: formatPosition(head) })
}
