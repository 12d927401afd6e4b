import type { UserView } from '../../contract/records.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { isUuid } from '../../platform/uuid.ts'

export interface KnownUser extends UserView {
  /** Who vouches for the person, and whom it names. */
  readonly issuer: string
  readonly subject: string
  readonly lastSeenAt: string | null
}

export const knownUserColumns = `id, email, name, role, status, platform_user_id as "platformUserId", version, issuer, subject,
  last_seen_at as "lastSeenAt"`

/** Users of this tenant whom an operator could mean: by id, e-mail (in any case) or subject. Several may match. */
export function findUsers(query: TenantTx['query'], reference: string): Promise<KnownUser[]> {
  return query<KnownUser>(
    `select ${knownUserColumns} from users where tenant_id = (select current_tenant())
       and (id = $1::uuid or lower(email) = lower($2) or subject = $2) order by name, id`,
    [isUuid(reference) ? reference : null, reference],
  )
}
