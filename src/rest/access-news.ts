import type { Position } from '../contract/position.ts'
import { readTenant } from '../log/read-tenant.ts'
import type { LogDeps } from '../log/tenant-tx.ts'

/** What a stretch of a tenant's log says about who may come in. */
export interface AccessNews {
  readonly head: Position
  /** Whether what is known of everybody in the tenant may be stale. */
  readonly everybody: boolean
  readonly userIds: ReadonlySet<string>
}

/**
 * News of users, teams, members of numbers, keys and the tenant since a position (null: the beginning is not known, so everybody is
 * concerned). Cost: a range scan on (tenant_id, epoch, seq), no locks.
 */
export function readAccessNews(
  deps: Pick<LogDeps, 'db'>,
  tenantId: string,
  since: Position | null,
): Promise<AccessNews> {
  return readTenant(deps, tenantId, async (query) => {
    const [head] = await query<Position>('select epoch, seq from tenant_heads where tenant_id = $1', [
      tenantId,
    ])
    if (!head || since === null || head.epoch !== since.epoch)
      return { head: head ?? { epoch: 1, seq: 0 }, everybody: true, userIds: new Set<string>() }
    const rows = await query<{ type: string; user_id: string | null }>(
      `select type, coalesce(payload->'user'->>'id', payload->>'userId') as user_id from events
       where tenant_id = $1 and epoch = $2 and seq > $3 and seq <= $4
         and (type like any (array['user.%', 'team.%', 'key.%', 'tenant.%']) and type <> 'user.joined'
           or type = 'channel.updated' and payload ? 'members')`,
      [tenantId, head.epoch, since.seq, head.seq],
    )
    return {
      head,
      everybody: rows.some((row) => row.user_id === null),
      userIds: new Set(rows.map((row) => row.user_id).filter((id) => id !== null)),
    }
  })
}
