import { Failure } from '../contract/errors.ts'
import type { Role } from '../contract/records.ts'
import type { TenantTx } from '../log/tenant-tx.ts'
import type { Actor, KeyActor, UserActor } from './actor.ts'

type TenantStatus = 'active' | 'suspended'

/**
 * Fails as the door does unless the actor may still come in, as what it came in as. Whom we let in is remembered for seconds
 * (ACC8); whoever gives or takes power in those seconds would outlive their own end by it: a revoked key in the key that it
 * makes, a disabled admin by letting themselves in again, or with a number that they connect. So everything that does so asks here, in its own transaction. The
 * actor's row is held until commit: an end that was answered comes before, and this fails, or after all of it.
 *
 * Fails with `unauthorized`, `token_expired`, `user_disabled`, `tenant_suspended`, or `forbidden` for another role than it
 * came with. Locks: the actor's row, the sign-in it acts in; of rows that others lock too, the tenant before users, users before
 * keys, and before teams and numbers. Who changes users or keys locks the actor's among them, by id, and asks then, so that two who end
 * each other do not wait for each other. The tenant is not held: who comes back with a suspended tenant may do this anyway.
 */
export async function requireStanding(tx: TenantTx, actor: Actor): Promise<void> {
  if (actor.kind === 'key') await requireKey(tx, actor)
  else if (actor.kind === 'user') await requireUser(tx, actor)
}

async function requireKey(tx: TenantTx, actor: KeyActor): Promise<void> {
  const [key] = await tx.query<{ revoked: boolean; over: boolean; role: Role; tenantStatus: TenantStatus }>(
    `select k.revoked_at is not null as revoked, coalesce(k.expires_at <= $3, false) as over, k.role, t.status as "tenantStatus"
     from api_keys k join tenants t on t.id = k.tenant_id where k.tenant_id = $1 and k.id = $2 for share of k`,
    [tx.tenantId, actor.id, tx.now],
  )
  if (!key || key.revoked) throw new Failure('unauthorized')
  if (key.over) throw new Failure('token_expired')
  requireSame(key, actor)
}

async function requireUser(tx: TenantTx, actor: UserActor): Promise<void> {
  const [user] = await tx.query<{ status: string; role: Role; tenantStatus: TenantStatus }>(
    `select u.status, u.role, t.status as "tenantStatus"
     from users u join tenants t on t.id = u.tenant_id where u.tenant_id = $1 and u.id = $2 for share of u`,
    [tx.tenantId, actor.id],
  )
  if (!user) throw new Failure('unauthorized')
  if (user.status !== 'active') throw new Failure('user_disabled')
  requireSame(user, actor)
  if (actor.sessionId === undefined) return
  const sessions = await tx.query(
    'select 1 from sign_in_sessions where tenant_id = $1 and id = $2 and ended_at is null for share',
    [tx.tenantId, actor.sessionId],
  )
  if (sessions.length === 0) throw new Failure('unauthorized')
}

function requireSame(
  now: { readonly role: Role; readonly tenantStatus: TenantStatus },
  actor: KeyActor | UserActor,
): void {
  if (now.tenantStatus !== 'active') throw new Failure('tenant_suspended')
  if (now.role !== actor.role) throw new Failure('forbidden')
}
