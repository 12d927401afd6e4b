import type { Actor } from '../../auth/actor.ts'
import { can } from '../../auth/can.ts'
import type { ConversationPlace } from '../../log/scope.ts'

/**
 * Who may read a file: whoever may read a conversation that it was sent in (`places`, as they are now); and as long as no
 * message refers to it, whoever uploaded it.
 */
export function mayReadMedia(
  actor: Actor,
  file: { uploaderId: string | null; places: readonly ConversationPlace[] },
): boolean {
  if (file.places.length === 0)
    return actor.kind === 'system' || (file.uploaderId !== null && file.uploaderId === actor.id)
  return file.places.some((place) => can(actor, 'conversation.read', place))
}
