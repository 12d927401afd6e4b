import { Failure } from '../../contract/errors.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { KeyDetail } from '../../contract/access.ts'
import { keyColumns } from './key-row.ts'

/**
 * Keys of this tenant, the newest first, after the given one, with those that are revoked or over; of one maker when that is
 * given. Their ids are in the order of their making.
 */
export function listKeys(
  query: TenantTx['query'],
  atMost: number,
  {
    below = null,
    createdBy,
  }: { readonly below?: string | null; readonly createdBy?: string | undefined } = {},
): Promise<KeyDetail[]> {
  return query<KeyDetail>(
    `select ${keyColumns} from api_keys where tenant_id = (select current_tenant()) and ($2::uuid is null or id < $2)
       and ($3::uuid is null or maker_id = $3)
     order by id desc limit $1`,
    [atMost, below, createdBy ?? null],
  )
}

/** One key. Fails with `not_found`. */
export async function getKey(query: TenantTx['query'], id: string): Promise<KeyDetail> {
  const [key] = await query<KeyDetail>(
    `select ${keyColumns} from api_keys where tenant_id = (select current_tenant()) and id = $1`,
    [id],
  )
  if (!key) throw new Failure('not_found')
  return key
}
