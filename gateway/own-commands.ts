import { authenticate } from '../src/auth/authenticate.ts'
import { Failure } from '../src/contract/errors.ts'
import type { Deps } from '../src/deps.ts'
import type { Commands } from './commands.ts'
import type { CustomerTyping } from './customer-typing.ts'
import type { Presence } from './presence.ts'
import type { Trust } from './trust.ts'
import type { Viewers } from './viewers.ts'

/** What the commands that no use case stands behind are about: the session itself, and signs of life. */
interface Own {
  readonly trust: Trust
  readonly presence: Presence
  readonly viewers: Viewers
  readonly customerTyping: CustomerTyping
}

/** `session.renew`, `presence.set`, `conversation.view`, `conversation.leave` and `typing`. */
export function ownCommands(
  deps: Deps,
  { trust, presence, viewers, customerTyping }: Own,
): ConstructorParameters<typeof Commands>[2] {
  return {
    renew: async (session, { token }) => {
      const { actor, tenant, expiresAt } = await authenticate(deps, token)
      if (
        tenant.id !== session.tenant.id ||
        actor.id !== session.actor.id ||
        actor.kind !== session.actor.kind
      )
        throw new Failure('forbidden')
      session.expiresAt = expiresAt.getTime()
      session.askedToRenew = false
      trust.become(session, actor)
      return { expiresAt: expiresAt.toISOString() }
    },
    ephemeral: {
      'presence.set': (session, { state }) => presence.set(session, state),
      'conversation.view': (session, { conversationId }) => viewers.view(session, conversationId),
      'conversation.leave': async (session, { conversationId }) => viewers.leave(session, conversationId),
      typing: async (session, { conversationId, typing }) => {
        await viewers.typing(session, conversationId, typing)
        if (typing) await customerTyping.tell(session, conversationId)
      },
    },
  }
}
