import { Failure } from '../../contract/errors.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { type ChannelRow, channelColumns } from './present-channel.ts'

type Query = TenantTx['query']

/** Live channels of this tenant by age, after the given id, at most `limit`. */
export function listChannels(query: Query, after: string | null, limit: number): Promise<ChannelRow[]> {
  return query<ChannelRow>(
    `select ${channelColumns} from channels
     where tenant_id = (select current_tenant()) and deleted_at is null and ($1::uuid is null or id > $1) order by id limit $2`,
    [after, limit],
  )
}

/** One live channel. Fails with `not_found`. */
export async function getChannel(query: Query, id: string): Promise<ChannelRow> {
  const [row] = await query<ChannelRow>(
    `select ${channelColumns} from channels where tenant_id = (select current_tenant()) and id = $1 and deleted_at is null`,
    [id],
  )
  if (!row) throw new Failure('not_found')
  return row
}
