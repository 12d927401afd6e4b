import type { Statement } from '../platform/statement-run.ts'

/** Statements that every transaction has, each parsed once per connection. */

export const committing: Statement = { name: 'commit', text: 'commit' }

/**
 * How the server plans the statements of a transaction: for the values that they have whenever it believes that to be worth it, or
 * once for all values. The message path looks up what it needs by keys and writes it, for which there is one right plan; to
 * plan anew was a sixth of its time in the server (docs/measurements.md). That plan may be made while tables are still empty and is
 * kept until they are analyzed, so it is told to go by indexes.
 */
export type Plans = 'for the values' | 'once for all'

/** From here to the end of the transaction rows of other tenants do not exist. */
export function tenantIs(tenantId: string, plans: Plans = 'for the values'): Statement {
  return { ...(plans === 'once for all' ? tenantWithPlans : tenant), values: [tenantId] }
}

const tenant = { name: 'set the tenant', text: `select set_config('app.tenant_id', $1, true)` }
const tenantWithPlans = {
  name: 'set the tenant and plans',
  text: `select set_config('app.tenant_id', $1, true), set_config('plan_cache_mode', 'force_generic_plan', true),
    set_config('enable_seqscan', 'off', true)`,
}
