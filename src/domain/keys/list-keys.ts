import type { TenantTx } from '../../log/tenant-tx.ts'
import { keyColumns, type KeyView } from './key-row.ts'

/** Keys of this tenant, the newest first, with those that are revoked or over. */
export function listKeys(query: TenantTx['query'], atMost: number): Promise<KeyView[]> {
  return query<KeyView>(
    `select ${keyColumns} from api_keys where tenant_id = (select current_tenant())
     order by created_at desc, id desc limit $1`,
    [atMost],
  )
}
