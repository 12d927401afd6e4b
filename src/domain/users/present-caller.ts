import type { KeyActor, UserActor } from '../../auth/actor.ts'
import type { CallerView } from '../../contract/rest/identity.ts'

/** Who is there, as shown to themselves. A key has no address and no id on the platform. */
export function presentCaller(actor: UserActor | KeyActor): CallerView {
  return {
    id: actor.id,
    email: actor.kind === 'user' ? actor.email : null,
    name: actor.name,
    role: actor.role,
    platformUserId: actor.kind === 'user' ? actor.platformUserId : null,
  }
}
