import type { LogDeps } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import { findTenant } from '../tenants/find-tenant.ts'
import { type AttemptDeps, countTries, type Tried } from './attempts.ts'
import { isPassword } from './password-hash.ts'

/** Whom an e-mail address means in one tenant. */
export interface Account {
  readonly tenantId: string
  readonly userId: string
}

type FindDeps = AttemptDeps &
  Pick<LogDeps, 'db'> & {
    readonly config: Pick<Config, 'LOCAL_TENANTS_TRIED' | 'LOCAL_HASHES' | 'LOCAL_HASHES_WAITING'>
  }

/** Where a sign-in looks: in the tenant that it names, by slug or id, or in all. */
export type Where = { readonly tenant: string; readonly tenantId: string | undefined } | undefined

/** A tenant that there is not is looked into as well: its time would tell which ones there are. */
const nowhere = '00000000-0000-0000-0000-000000000000'

/** `tenantId` is undefined when there is no such tenant; the sign-in goes on alike. */
export async function whereOf(deps: Pick<LogDeps, 'db'>, tenant: string | undefined): Promise<Where> {
  if (tenant === undefined) return undefined
  return { tenant, tenantId: (await findTenant(deps, tenant))?.id }
}

/**
 * The accounts of an address whose password this is, and the tries that a right one takes back. A password is computed for
 * each place in which an account could be, whether there is one or not: one when the tenant is named, else
 * LOCAL_TENANTS_TRIED; so the time tells nothing of how many there are.
 *
 * Tries are counted per account, whether the tenant was named or not, and those at an account whose password it is not stay
 * counted: else whoever has a password for this address in a tenant of their own could guess without end at another's.
 * An account that is locked is passed over without a word, because only who is there can be locked.
 */
export async function findAccounts(
  deps: FindDeps,
  given: { readonly email: string; readonly password: string },
  where: Where,
  ip: string | undefined,
): Promise<{ accounts: Account[]; tries: Tried[] }> {
  const places = where ? 1 : deps.config.LOCAL_TENANTS_TRIED
  const found = await passwordsOf(deps, given.email, where && (where.tenantId ?? nowhere), places)
  const targets = Array.from({ length: places }, (_, place) => {
    const account = found[place]
    return account ? accountTarget(account.userId) : ['nobody', given.email, String(place)]
  })
  const tried = await countTries(deps, targets, ip)
  const accounts: Account[] = []
  const tries: Tried[] = []
  for (const [place, one] of tried.entries()) {
    const account = found[place]
    const isIts = await isPassword(
      deps.config,
      given.password,
      one.until === null ? account?.hash : undefined,
    )
    if (account && isIts) accounts.push(account)
    if (isIts || !account) tries.push(one)
  }
  return { accounts, tries }
}

/** What tries at the password of a user are counted under. */
export const accountTarget = (userId: string): readonly string[] => ['account', userId]

async function passwordsOf(
  { db }: Pick<LogDeps, 'db'>,
  email: string,
  tenantId: string | undefined,
  atMost: number,
): Promise<(Account & { readonly hash: string })[]> {
  const { rows } = await db.write.query<Account & { hash: string }>(
    'select tenant_id as "tenantId", user_id as "userId", hash from passwords_of_address($1, $2, $3)',
    [email, tenantId ?? null, atMost],
  )
  return rows
}
