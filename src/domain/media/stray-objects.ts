import { Failure } from '../../contract/errors.ts'
import { inTenant, type LogDeps, type TenantTx } from '../../log/tenant-tx.ts'
import type { Storage } from '../../platform/storage.ts'
import { newObjectKey } from './object-key.ts'

/**
 * Objects of the store that no row names. A file that is forgotten there outlives every retention, so what is written is on a
 * list before it is, and leaves it in the transaction that names it; killed anywhere between, the sweep finds it (MED15).
 */

/** To copy and to look at a file takes seconds; after this nobody does any more. */
const reservedMs = 3_600_000

/** Objects of one sweep; what is left is for the next. */
const atOnce = 500

/** Lets the sweep remove what is under these keys, in `afterMs` at the earliest. */
export async function noteStrays(tx: TenantTx, keys: readonly string[], afterMs = 0): Promise<void> {
  if (keys.length === 0) return
  await tx.query(
    `insert into stray_objects (tenant_id, key, remove_at) select $1, k, now() + make_interval(secs => $3 / 1000.0) from unnest($2::text[]) k
     on conflict (tenant_id, key) do update set remove_at = excluded.remove_at`,
    [tx.tenantId, keys, afterMs],
  )
}

/** A new place in the store, which the sweep clears unless `keepObject` comes within the hour. In a transaction of its own. */
export function reserveObject(deps: LogDeps, tenantId: string): Promise<string> {
  return inTenant(deps, tenantId, async (tx) => {
    const key = newObjectKey(tenantId, tx.now)
    await noteStrays(tx, [key], reservedMs)
    return key
  })
}

/** In the transaction that names a reserved place. Fails with `unavailable` when the sweep has been there. */
export async function keepObject(tx: TenantTx, key: string): Promise<void> {
  const kept = await tx.query('delete from stray_objects where tenant_id = $1 and key = $2 returning key', [
    tx.tenantId,
    key,
  ])
  if (kept.length === 0) throw new Failure('unavailable', { server: 'object store' })
}

/**
 * Removes those whose time has come and answers how many; fails with `unavailable`. The bytes go before the commit, so that none
 * are left over, and while the row is held, so that nobody keeps what is being removed.
 */
export async function removeStrays(deps: LogDeps & { readonly storage: Storage }): Promise<number> {
  const { rows } = await deps.db.write.query<{ tenant_id: string; key: string }>(
    'select tenant_id, key from stray_objects_due($1)',
    [atOnce],
  )
  for (const { tenant_id: tenantId, key } of rows)
    await inTenant(deps, tenantId, async (tx) => {
      const gone = await tx.query(
        'delete from stray_objects where tenant_id = $1 and key = $2 and remove_at <= now() returning key',
        [tenantId, key],
      )
      if (gone.length > 0) await deps.storage.remove(key)
    })
  return rows.length
}
