import { z } from 'zod'
import type { AuditEntryView, auditFilters } from '../../contract/rest/audit.ts'
import { decodeCursor, encodeCursor, type Page, pageOf } from '../../http/cursor.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'

type Filters = { readonly [Name in keyof typeof auditFilters]?: z.infer<(typeof auditFilters)[Name]> }
type Asked = Filters & { readonly limit: number; readonly cursor?: string | undefined }

const list = 'audit-logs'

const columns = `number as id, created_at as at, actor, action, entity, entity_id as "entityId", before, after, ip,
  request_id as "requestId", encode(hash, 'hex') as hash`

/** The condition that a filter makes with its value. Times and numbers are in one order, so a time is a number of the chain. */
const conditions: Readonly<Record<keyof Filters, (value: string) => string>> = {
  actorId: (value) => `actor_id = ${value}`,
  action: (value) => `action = ${value}`,
  entity: (value) => `entity = ${value}`,
  entityId: (value) => `entity_id = ${value}`,
  from: (value) =>
    `number >= (select number from audit_logs where tenant_id = $1 and created_at >= ${value}::timestamptz
                order by created_at, number limit 1)`,
  to: (value) =>
    `number <= (select number from audit_logs where tenant_id = $1 and created_at < ${value}::timestamptz
                order by created_at desc, number desc limit 1)`,
}

/**
 * A page of a tenant's audit trail, the newest first. New entries come before the first page, so walking the pages neither
 * skips nor repeats one. Cost: one index range scan, and one look-up for each time that is asked for.
 */
export async function listAudit(
  query: TenantTx['query'],
  tenantId: string,
  asked: Asked,
): Promise<Page<AuditEntryView>> {
  const values: unknown[] = [tenantId]
  const where = ['tenant_id = $1']
  for (const [name, condition] of Object.entries(conditions)) {
    const value = asked[name as keyof Filters]
    if (value !== undefined) where.push(condition(`$${values.push(value)}`))
  }
  if (asked.cursor !== undefined) {
    const [below] = decodeCursor(list, asked.cursor, z.tuple([z.int().positive()]))
    where.push(`number < $${values.push(below)}`)
  }
  const rows = await query<AuditEntryView>(
    `select ${columns} from audit_logs where ${where.join(' and ')} order by number desc limit $${values.push(asked.limit + 1)}`,
    values,
  )
  return pageOf(
    rows,
    asked.limit,
    (row) => row,
    (row) => encodeCursor(list, [row.id]),
  )
}
