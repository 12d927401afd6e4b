import { type AuthDeps, type TenantFacts, tenantFacts } from '../../auth/entry.ts'
import { Failure } from '../../contract/errors.ts'
import type { Config } from '../../platform/config.ts'
import { type AttemptDeps, countAttempt, takeBack } from './attempts.ts'
import { type Account, findAccounts, whereOf } from './find-accounts.ts'
import { openSession } from './open-session.ts'
import type { Asking, OpenSession, SessionConfig } from './session.ts'

export type SignInDeps = AuthDeps &
  AttemptDeps & {
    readonly config: SessionConfig &
      Pick<Config, 'LOCAL_PASSWORD_LENGTH' | 'LOCAL_HASHES' | 'LOCAL_HASHES_WAITING' | 'LOCAL_TENANTS_TRIED'>
  }

/**
 * Signs somebody in by e-mail address and password, in the tenant that they name (slug or id) or in the one where the
 * password is theirs. An address that nobody has, a tenant that there is not, a wrong password, a user who is not active
 * and an account that is locked are told alike and take as long.
 * Fails with `local_sign_in_off`, `sign_in_failed`, `sign_in_locked`, `tenant_suspended`, and `several_tenants`
 * (`details.tenants`: those where the password is theirs, and no others).
 */
export async function signIn(
  deps: SignInDeps,
  given: { readonly email: string; readonly password: string; readonly tenant?: string | undefined },
  asking: Asking,
): Promise<OpenSession> {
  requireLocalSignIn(deps.config)
  const email = given.email.trim().toLowerCase()
  const where = await whereOf(deps, given.tenant)
  // As it was asked for, whoever is there: this is the only lock that is told.
  const asked = await countAttempt(
    deps,
    ['address', email, where?.tenantId ?? where?.tenant ?? ''],
    asking.ip,
  )
  const { accounts, tries } = await findAccounts(deps, { email, password: given.password }, where, asking.ip)
  if (accounts.length === 0) throw new Failure('sign_in_failed')
  const active = await activeOf(deps, accounts)
  const [only, another] = active
  if (!only) throw new Failure('tenant_suspended')
  if (another) {
    await takeBack(deps, [asked, ...tries])
    throw new Failure('several_tenants', { tenants: active.map(({ tenant }) => tenant) })
  }
  const session = await openSession(deps, only.tenant, only.userId, asking)
  await takeBack(deps, [asked, ...tries])
  return session
}

/** Without those of suspended tenants. */
async function activeOf(
  deps: AuthDeps,
  accounts: readonly Account[],
): Promise<(Account & { readonly tenant: TenantFacts })[]> {
  const found = await Promise.all(
    accounts.map(async (account) => {
      try {
        return { ...account, tenant: await tenantFacts(deps, account.tenantId) }
      } catch (error) {
        if (error instanceof Failure && error.code === 'tenant_suspended') return undefined
        throw error
      }
    }),
  )
  return found.filter((one) => one !== undefined)
}

/** Fails with `local_sign_in_off`. */
export function requireLocalSignIn(config: Pick<Config, 'LOCAL_SIGN_IN'>): void {
  if (config.LOCAL_SIGN_IN === 'off') throw new Failure('local_sign_in_off')
}
