import type { Redis } from 'ioredis'
import { type CustomerSign, sendSigns } from '../../doorbell/customer-signs.ts'
import { readTenant } from '../../log/read-tenant.ts'
import type { LogDeps } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import type { Logger } from '../../platform/logger.ts'
import type { InboundPresence } from '../../providers/inbound.ts'

export type PresenceDeps = Pick<LogDeps, 'db'> & {
  readonly redis: Redis
  readonly log: Logger
  readonly config: Pick<Config, 'REDIS_PREFIX'>
}

/** People of one batch that are shown; a flood of signs is worth no more than this. */
const mostPeople = 50

/**
 * Shows whoever has the conversation on screen that its customer is writing. A sign of life and no fact: it is
 * never in the log, is lost when Redis or the database is away, and never fails. To be called after the commit, so that
 * people and conversations of the same batch are found; people without a live conversation are nobody's to see.
 */
export async function customerPresence(
  deps: PresenceDeps,
  tenantId: string,
  channelId: string,
  items: readonly InboundPresence[],
): Promise<void> {
  if (items.length === 0 || deps.redis.status !== 'ready') return
  try {
    const signs = await signsOf(deps, tenantId, channelId, items)
    sendSigns(deps.redis, deps.config.REDIS_PREFIX, tenantId, signs)
  } catch (error) {
    deps.log.debug({ tenantId, channelId, reason: String(error) }, 'a sign of life was lost')
  }
}

/** The newest sign of each person, with the conversation that they have on this channel. */
function signsOf(
  deps: PresenceDeps,
  tenantId: string,
  channelId: string,
  items: readonly InboundPresence[],
): Promise<CustomerSign[]> {
  const newest = new Map<string, InboundPresence>()
  for (const item of items) newest.set(JSON.stringify(item.person.identities), item)
  const wanted = [...newest.values()].slice(-mostPeople).flatMap((item, place) =>
    item.person.identities.map(({ kind, value }) => ({
      place,
      kind,
      value,
      composing: item.state === 'composing' || item.state === 'recording',
    })),
  )
  return readTenant(deps, tenantId, async (query) => {
    const rows = await query<{ id: string; contact_id: number; composing: boolean }>(
      `select distinct on (c.id) c.id, c.contact_id, v.composing
       from json_to_recordset($3) as v(place integer, kind text, value text, composing boolean)
       join contact_identities i on i.tenant_id = $1 and i.value = v.value
         and (i.kind = v.kind or (i.kind in ('phone', 'wa_id') and v.kind in ('phone', 'wa_id')))
       join conversations c on c.tenant_id = $1 and c.channel_id = $2 and c.contact_id = i.contact_id and c.status <> 'resolved'
       order by c.id, v.place desc`,
      [tenantId, channelId, JSON.stringify(wanted)],
    )
    return rows.map((row) => ({
      conversationId: row.id,
      contactId: row.contact_id,
      composing: row.composing,
    }))
  })
}
