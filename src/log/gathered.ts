import { lastingStatement } from '../platform/db.ts'
import type { Statement } from '../platform/statement-run.ts'

/** The rows that a tenant gives to one parameter of a gathered statement: JSON objects, parted by commas. */
export type GatheredRows = string

/** Rows for one parameter, each with its tenant, whatever else they say of that. */
export function gatheredRows(tenantId: string, rows: readonly object[]): GatheredRows {
  return rows.map((row) => JSON.stringify({ ...row, tenant_id: tenantId })).join(',')
}

/**
 * A statement whose parameters are JSON arrays of rows that name their tenant, as do the rows it answers with; so what
 * several tenants ask of it is one statement (SharedConnection). `shares` has one member per tenant, with its rows for each parameter.
 */
export function gatheredStatement(text: string, shares: readonly (readonly GatheredRows[])[]): Statement {
  const [first = []] = shares
  const lists = first.map((_, place) => {
    const rows = shares.map((share) => share[place]).filter((some) => some !== '')
    return `[${rows.join(',')}]`
  })
  return lastingStatement(text, lists)
}
