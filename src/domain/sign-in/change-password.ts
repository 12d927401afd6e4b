import type { UserActor } from '../../auth/actor.ts'
import { requireStanding } from '../../auth/standing.ts'
import { Failure } from '../../contract/errors.ts'
import { readTenant } from '../../log/read-tenant.ts'
import { inTenant } from '../../log/tenant-tx.ts'
import { presentActor } from '../../auth/actor.ts'
import type { Doer } from '../audit/record-audit.ts'
import { countAttempt, takeBack } from './attempts.ts'
import { accountTarget } from './find-accounts.ts'
import { hashPassword, isPassword } from './password-hash.ts'
import { requireGoodPassword } from './password-rules.ts'
import { setPassword } from './set-password.ts'
import { requireLocalSignIn, type SignInDeps } from './sign-in.ts'

/**
 * A user changes their own password; all their other sign-ins end. Tries with a wrong present password count as tries to
 * sign in. Fails with `local_sign_in_off`, `forbidden` for who has no password, `sign_in_failed`, `sign_in_locked`,
 * `validation_failed`, and as standing.ts has it. Locks: the user, the sign-in, the password, the other sign-ins.
 */
export async function changePassword(
  deps: SignInDeps,
  by: Doer & { readonly actor: UserActor },
  given: { readonly currentPassword: string; readonly newPassword: string },
): Promise<void> {
  requireLocalSignIn(deps.config)
  const { actor } = by
  const [account] = await readTenant(deps, actor.tenantId, (query) =>
    query<{ email: string; hash: string }>(
      'select email, hash from user_passwords where tenant_id = $1 and user_id = $2',
      [actor.tenantId, actor.id],
    ),
  )
  if (!account) throw new Failure('forbidden')
  const { email } = account
  const tried = await countAttempt(deps, accountTarget(actor.id), by.ip)
  if (!(await isPassword(deps.config, given.currentPassword, account.hash)))
    throw new Failure('sign_in_failed')
  await takeBack(deps, [tried])
  requireGoodPassword(deps.config, given.newPassword, email, '/newPassword')
  const hash = await hashPassword(deps.config, given.newPassword)
  await inTenant(
    deps,
    actor.tenantId,
    async (tx) => {
      // Of two sign-ins that change it at once each holds itself and ends the other: one after the other.
      await tx.query('select 1 from users where tenant_id = $1 and id = $2 for no key update', [
        tx.tenantId,
        actor.id,
      ])
      await requireStanding(tx, actor)
      await setPassword(tx, by, { userId: actor.id, email, hash }, actor.sessionId ?? null)
    },
    presentActor(actor),
  )
}
