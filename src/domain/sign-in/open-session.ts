import type { AuthDeps, TenantFacts } from '../../auth/entry.ts'
import { actorOf, type UserRow, userColumns } from '../../auth/signed-users.ts'
import { Failure } from '../../contract/errors.ts'
import { inTenant } from '../../log/tenant-tx.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { recordAudit } from '../audit/record-audit.ts'
import { endSessions } from './end-sessions.ts'
import { type Asking, makeRefreshToken, type OpenSession, type SessionConfig } from './session.ts'

const userAgentLength = 300

/**
 * Begins a sign-in of a user whose password was right. Of more than LOCAL_SESSIONS sign-ins the one that was unused longest
 * ends. Fails with `sign_in_failed` when the user is not active any more. Locks: the user's row.
 */
export function openSession(
  deps: AuthDeps & { readonly config: SessionConfig },
  tenant: TenantFacts,
  userId: string,
  asking: Asking,
): Promise<OpenSession> {
  return inTenant(deps, tenant.id, async (tx) => {
    const [user] = await tx.query<UserRow>(
      `select ${userColumns} from users where tenant_id = $1 and id = $2 and status = 'active' for update`,
      [tx.tenantId, userId],
    )
    if (!user) throw new Failure('sign_in_failed')
    const actor = await actorOf(tx, tx.tenantId, user)
    const by = { actor, ip: asking.ip, requestId: asking.requestId }
    const crowded = await tx.query<{ id: string }>(
      `select id from sign_in_sessions where tenant_id = $1 and user_id = $2 and ended_at is null
       order by renewed_at desc, id desc offset $3`,
      [tx.tenantId, user.id, deps.config.LOCAL_SESSIONS - 1],
    )
    for (const { id } of crowded) await endSessions(tx, by, user.id, { only: id })
    const id = uuidv7(tx.now.getTime())
    const { refreshToken, hash } = makeRefreshToken()
    const userAgent = asking.userAgent?.slice(0, userAgentLength) ?? null
    await tx.query(
      `insert into sign_in_sessions (tenant_id, id, user_id, secret_hash, ip, user_agent, created_at, renewed_at)
       values ($1, $2, $3, $4, $5, $6, $7, $7)`,
      [tx.tenantId, id, user.id, hash, asking.ip ?? null, userAgent, tx.now],
    )
    recordAudit(tx, {
      by,
      action: 'user.sign_in',
      entity: 'user',
      entityId: user.id,
      after: { sessionId: id, userAgent },
    })
    return { id, user: actor, tenant, refreshToken, createdAt: tx.now, renewedAt: tx.now }
  })
}
