import type { Statement } from '../platform/statement-run.ts'

/** Statements that every transaction has, each parsed once per connection. */

export const beginning: Statement = { name: 'begin', text: 'begin' }
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

/** Begins what several tenants share: of all rows theirs exist, plans are made once for all, and a lock is waited for `lockMs` milliseconds. */
export function shareBegins(tenantIds: readonly string[], lockMs: number): Statement {
  return { ...sharing, values: [tenantIds.join(','), String(lockMs)] }
}

/** Within what several tenants share: from here on the rows of these exist, for statements that they share (`gathered.ts`). */
export function tenantsAre(tenantIds: readonly string[]): Statement {
  return { ...tenants, values: [tenantIds.join(',')] }
}

/**
 * Within what several tenants share: from here on only the rows of this one exist, for the role that runs everything else
 * too (`Db.role`), because a plan that is kept is made anew for each other role.
 */
export function tenantIsAlone(tenantId: string, role: string): Statement {
  return { ...tenantAlone, values: [tenantId, role] }
}

const tenant = { name: 'set the tenant', text: `select set_config('app.tenant_id', $1, true)` }
const tenantWithPlans = {
  name: 'set the tenant and plans',
  text: `select set_config('app.tenant_id', $1, true), set_config('plan_cache_mode', 'force_generic_plan', true),
    set_config('enable_seqscan', 'off', true)`,
}
const tenants = {
  name: 'set the tenants',
  text: `select set_config('role', 'switchboard_lane', true), set_config('app.tenant_id', '', true), set_config('app.tenant_ids', $1, true)`,
}
const tenantAlone = {
  name: 'set the tenant alone',
  text: `select set_config('role', $2, true), set_config('app.tenant_id', $1, true), set_config('app.tenant_ids', '', true)`,
}
const sharing = {
  name: 'set the tenants, plans and patience',
  text: `select set_config('role', 'switchboard_lane', true), set_config('app.tenant_id', '', true), set_config('app.tenant_ids', $1, true), set_config('plan_cache_mode', 'force_generic_plan', true),
    set_config('enable_seqscan', 'off', true), set_config('lock_timeout', $2, true)`,
}
