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
 * its own is only the network's, a block, a "no" to marketing of either, else the newer word about it, and the first place at the
 * customer. Whoever merges may be wrong about who is who, so a "no" is never overruled by what the other one said; the next word
 * that is newer than both counts again. Pure; only what changes.
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
  Object.assign(plan, wordOf(winner, other))
  plan.custom_fields = { ...other.custom_fields, ...winner.custom_fields }
  if (plan.customer_id !== undefined) plan.is_primary = other.is_primary
  else if (other.is_primary && other.customer_id === winner.customer_id) plan.is_primary = true
  return Object.fromEntries(
    Object.entries(plan).filter(
      ([name, value]) =>
        name === 'marketing' ||
        name === 'marketing_at' ||
        !isDeepStrictEqual(winner[name as keyof MergedColumns], value),
    ),
  )
}

type Word = Pick<MergedColumns, 'marketing' | 'marketing_at'>

/** What counts about marketing when it is another word than the winner's, and since when: both or neither. */
function wordOf(winner: Word, other: Word): Partial<Word> {
  const isNewer = other.marketing_at !== null && (winner.marketing_at ?? '') < other.marketing_at
  const isNo = winner.marketing === 'denied' || other.marketing === 'denied'
  const marketing = isNo ? 'denied' : isNewer ? other.marketing : winner.marketing
  const at = isNewer ? other.marketing_at : winner.marketing_at
  return marketing === winner.marketing && at === winner.marketing_at ? {} : { marketing, marketing_at: at }
}

/**
 * What is put back when a merge is taken back: what it changed and nobody has changed since. A word about marketing goes with its
 * moment: the same word at another one is a new one. Pure.
 */
export function unmergePlan(
  now: MergedColumns,
  { before, after }: { readonly before: Partial<MergedColumns>; readonly after: Partial<MergedColumns> },
): Partial<MergedColumns> {
  const isHeld = (name: keyof MergedColumns) => !(name in after) || isDeepStrictEqual(now[name], after[name])
  const isSameWord = isHeld('marketing') && isHeld('marketing_at')
  const names = (Object.keys(after) as (keyof MergedColumns)[]).filter((name) =>
    name === 'marketing' || name === 'marketing_at' ? isSameWord : isHeld(name),
  )
  return Object.fromEntries(names.map((name) => [name, before[name]]))
}
