import { isDeepStrictEqual } from 'node:util'
import { requireStanding } from '../../auth/standing.ts'
import type { TenantLimits } from '../../contract/access.ts'
import type { TenantPatch } from '../../contract/rest/access.ts'
import { type ExpectedVersions, requireVersion } from '../../http/conditional.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { requireTimeZone } from './require-time-zone.ts'
import { presentTenant, readTenantRow, type TenantRow } from './tenant-settings.ts'

/** What an admin may change, and what only an operator may: limits, null being what the installation gives. */
export interface SettingsChange extends TenantPatch {
  readonly limits?: Partial<Record<keyof TenantLimits, number | null | undefined>> | undefined
}

/**
 * Changes a tenant's name, time zone, language, retention or limits. A change that changes nothing leaves no trace. Fails
 * with `precondition_failed`, or `validation_failed` for a time zone that the database does not know, and as standing.ts has it.
 * Locks: the tenant, whoever changes it.
 */
export async function changeSettings(
  tx: TenantTx,
  by: Doer,
  change: SettingsChange,
  expected: ExpectedVersions = null,
): Promise<TenantRow> {
  const query = tx.query.bind(tx)
  const before = await readTenantRow(query, true)
  await requireStanding(tx, by.actor)
  requireVersion(expected, before)
  const { retention = before.settings.retention, timeZone = before.timeZone } = change
  const given = Object.entries(change.limits ?? {}).filter(([, limit]) => limit !== undefined)
  const limits = Object.fromEntries(
    Object.entries({ ...before.settings.limits, ...Object.fromEntries(given) }).filter(
      ([, limit]) => typeof limit === 'number',
    ),
  )
  const after = {
    name: change.name ?? before.name,
    timeZone,
    locale: change.locale ?? before.locale,
    settings: { ...before.settings, ...(retention && { retention }), limits },
  }
  const was = { limits: {}, ...before.settings }
  const isSame =
    after.name === before.name &&
    timeZone === before.timeZone &&
    after.locale === before.locale &&
    isDeepStrictEqual(after.settings, was)
  if (isSame) return before
  if (timeZone !== before.timeZone) await requireTimeZone(tx, timeZone)
  await query(
    `update tenants set name = $2, time_zone = $3, locale = $4, settings = $5, version = version + 1, updated_at = $6
     where id = $1`,
    [tx.tenantId, after.name, timeZone, after.locale, JSON.stringify(after.settings), tx.now],
  )
  const row = await readTenantRow(query)
  tx.record('tenant.updated', { tenant: presentTenant(row) }, { kind: 'tenant' })
  recordAudit(tx, { by, action: 'tenant.update', entity: 'tenant', entityId: row.id, before, after: row })
  return row
}
