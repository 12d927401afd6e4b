import type { Actor } from '../../auth/actor.ts'
import { presentUser, type UserRow } from '../../auth/signed-users.ts'
import { can } from '../../auth/can.ts'
import { conversationVisibility } from '../../auth/conversation-visibility.ts'
import { rightsIn } from '../../auth/rights.ts'
import { formatPosition } from '../../contract/position.ts'
import type { SyncAnswer } from '../../contract/rest/sync.ts'
import { headIn } from '../../log/read.ts'
import { readTenant } from '../../log/read-tenant.ts'
import type { LogDeps } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import {
  type AddressConfig,
  type ChannelRow,
  channelColumns,
  presentChannel,
} from '../channels/present-channel.ts'
import { allTeams } from '../teams/team-row.ts'
import { viewConversations } from '../conversations/load-conversations.ts'

type Query = <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>

/**
 * What a client holds at the start, as it is at `position` and at no other: one repeatable-read snapshot holds the
 * position and everything else (SYN1). At most SYNC_CONVERSATIONS conversations, those with the newest activity that the
 * actor may read. What its rights do not reach is left out: they decide events in the same way.
 */
export function takeSnapshot(
  deps: Pick<LogDeps, 'db' | 'clock'> & {
    readonly config: Pick<Config, 'SYNC_CONVERSATIONS'> & AddressConfig
  },
  caller: Actor,
): Promise<SyncAnswer> {
  return readTenant(deps, caller.tenantId, async (query) => {
    const actor = await rightsIn(query, caller)
    const position = formatPosition(await headIn(query, actor.tenantId))
    const most = deps.config.SYNC_CONVERSATIONS
    const found = await newestIds(query, actor, most + 1)
    const ids = found.slice(0, most)
    const views = await viewConversations(query, actor.tenantId, ids, deps.clock.now())
    const people = can(actor, 'user.read')
    return {
      position,
      conversations: ids.flatMap((id) => views.get(id) ?? []),
      channels: can(actor, 'channel.read') ? await allChannels(query, actor.tenantId, deps.config) : [],
      users: people ? await allUsers(query, actor.tenantId) : [],
      teams: people ? await allTeams(query, actor.tenantId) : [],
      truncated: found.length > most,
    }
  })
}

async function newestIds(query: Query, actor: Actor, atMost: number): Promise<string[]> {
  const visible = conversationVisibility(actor, 3)
  const rows = await query<{ id: string }>(
    `select c.id from conversations c where c.tenant_id = $1 and ${visible.sql}
     order by c.last_activity_at desc, c.id desc limit $2`,
    [actor.tenantId, atMost, ...visible.values],
  )
  return rows.map((row) => row.id)
}

async function allUsers(query: Query, tenantId: string): Promise<SyncAnswer['users']> {
  const rows = await query<UserRow>(
    'select id, email, name, role, status, platform_user_id, version from users where tenant_id = $1 order by id',
    [tenantId],
  )
  return rows.map(presentUser)
}

/** With the key of a webhook address masked for everybody, as in events: it is shown where a channel is managed. */
async function allChannels(
  query: Query,
  tenantId: string,
  config: AddressConfig,
): Promise<SyncAnswer['channels']> {
  const rows = await query<ChannelRow>(
    `select ${channelColumns} from channels where tenant_id = $1 and deleted_at is null order by id`,
    [tenantId],
  )
  return rows.map((row) => presentChannel(row, config))
}
