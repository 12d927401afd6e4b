import { invalid } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'

/**
 * Reports and due dates are computed by the database, by its own list of zones, which lacks some names that JavaScript takes
 * (`PNT`, `SystemV/PST8`). Fails with `validation_failed` for a name that it does not have.
 */
export async function requireTimeZone(tx: Pick<TenantTx, 'query'>, name: string): Promise<void> {
  const found = await tx.query('select 1 from pg_timezone_names where name = $1', [name])
  if (found.length === 0)
    throw invalid([{ in: 'body', pointer: '/timeZone', message: 'there is no such time zone' }])
}
