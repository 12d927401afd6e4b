import { Failure } from '../../contract/errors.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { keyColumns, type KeyView } from './key-row.ts'

/** Keys of this tenant, the newest first, after the given one, with those that are revoked or over. Their ids are in the order of their making. */
export function listKeys(
  query: TenantTx['query'],
  atMost: number,
  below: string | null = null,
): Promise<KeyView[]> {
  return query<KeyView>(
    `select ${keyColumns} from api_keys where tenant_id = (select current_tenant()) and ($2::uuid is null or id < $2)
     order by id desc limit $1`,
    [atMost, below],
  )
}

/** One key. Fails with `not_found`. */
export async function getKey(query: TenantTx['query'], id: string): Promise<KeyView> {
  const [key] = await query<KeyView>(
    `select ${keyColumns} from api_keys where tenant_id = (select current_tenant()) and id = $1`,
    [id],
  )
  if (!key) throw new Failure('not_found')
  return key
}
