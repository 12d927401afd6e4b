import { isDeepStrictEqual } from 'node:util'

/** What of a contact a merge can change. Timestamps are ISO text. */
export interface MergedColumns {
  customer_id: number | null
  first_name: string
  last_name: string | null
  name_edited: boolean
  email: string | null
  phone: string | null
  title: string | null
  is_primary: boolean
  language: string | null
  timezone: string | null
  blocked: boolean
  marketing: 'granted' | 'denied' | null
  marketing_at: string | null
  custom_fields: Readonly<Record<string, unknown>>
}

/** As Postgres calls them, for reading them out of JSON. */
export const mergedColumns: Readonly<Record<keyof MergedColumns, string>> = {
  customer_id: 'integer',
  first_name: 'text',
  last_name: 'text',
  name_edited: 'boolean',
  email: 'text',
  phone: 'text',
  title: 'text',
  is_primary: 'boolean',
  language: 'text',
  timezone: 'text',
  blocked: 'boolean',
  marketing: 'text',
  marketing_at: 'timestamptz',
  custom_fields: 'jsonb',
}

const filled = ['customer_id', 'email', 'phone', 'title', 'language', 'timezone'] as const

/**
 * What a contact takes over from the one that goes into it: what it has nothing of itself, a name that somebody wrote where
 * its own is only the network's, the newer word about marketing, a block, and the first place at the customer. Pure; only
 * what changes.
 */
export function mergePlan(winner: MergedColumns, other: MergedColumns): Partial<MergedColumns> {
  const plan: Partial<MergedColumns> = Object.fromEntries(
    filled.filter((name) => winner[name] === null && other[name] !== null).map((name) => [name, other[name]]),
  )
  const isNameless = `${winner.first_name}${winner.last_name ?? ''}`.trim() === ''
  if ((!winner.name_edited && other.name_edited) || (isNameless && other.first_name !== '')) {
    plan.first_name = other.first_name
    plan.last_name = other.last_name
    plan.name_edited = other.name_edited
  }
  if (other.blocked) plan.blocked = true
  if (other.marketing_at !== null && (winner.marketing_at ?? '') < other.marketing_at) {
    plan.marketing = other.marketing
    plan.marketing_at = other.marketing_at
  }
  plan.custom_fields = { ...other.custom_fields, ...winner.custom_fields }
  if (plan.customer_id !== undefined) plan.is_primary = other.is_primary
  else if (other.is_primary && other.customer_id === winner.customer_id) plan.is_primary = true
  return Object.fromEntries(
    Object.entries(plan).filter(
      ([name, value]) => !isDeepStrictEqual(winner[name as keyof MergedColumns], value),
    ),
  )
}

/** What is put back when a merge is taken back: what it changed and nobody has changed since. Pure. */
export function unmergePlan(
  now: MergedColumns,
  { before, after }: { readonly before: Partial<MergedColumns>; readonly after: Partial<MergedColumns> },
): Partial<MergedColumns> {
  const names = (Object.keys(after) as (keyof MergedColumns)[]).filter((name) =>
    isDeepStrictEqual(now[name], after[name]),
  )
  return Object.fromEntries(names.map((name) => [name, before[name]]))
}
