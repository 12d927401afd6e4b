import { type Actor, presentActor } from '../../auth/actor.ts'
import { permit } from '../../auth/can.ts'
import { belongingOf } from '../../auth/rights.ts'
import type { ConversationView } from '../../contract/conversation.ts'
import type { Role } from '../../contract/records.ts'
import { invalid } from '../../http/faults.ts'
import { inTenant, type LogDeps, type TenantTx } from '../../log/tenant-tx.ts'
import { auditConversation, type Origin } from './audit-conversation.ts'
import { changeConversation } from './change-conversation.ts'
import { lockConversation, viewConversation } from './load-conversations.ts'
import { placeOf } from './present-conversation.ts'

/**
 * Hands a conversation to a person, a team or both; null takes it away, left out leaves it as it is. Nothing changed is a
 * success without an event.
 * Fails with `validation_failed` when the person does not exist or is disabled, or does not work on the
 * number, or the team does not exist.
 */
export function assignConversation(
  deps: LogDeps,
  actor: Actor,
  input: { conversationId: string; userId?: string | null | undefined; teamId?: string | null | undefined },
  origin: Origin = {},
): Promise<ConversationView> {
  return inTenant(
    deps,
    actor.tenantId,
    async (tx) => {
      const before = await lockConversation(tx, input.conversationId)
      permit(actor, 'conversation.assign', placeOf(before))
      const assigneeId = input.userId === undefined ? before.assignee_id : input.userId
      const teamId = input.teamId === undefined ? before.team_id : input.teamId
      if (assigneeId === before.assignee_id && teamId === before.team_id)
        return viewConversation(tx, before.id)
      if (assigneeId !== null && assigneeId !== before.assignee_id)
        await requireActiveUser(tx, assigneeId, before.channel_id)
      if (teamId !== null && teamId !== before.team_id) await requireTeam(tx, teamId)
      const after = await changeConversation(tx, before, 'conversation.assigned', {
        assignee_id: assigneeId,
        team_id: teamId,
      })
      auditConversation(tx, { actor, ...origin }, 'conversation.assign', before, after)
      return after
    },
    presentActor(actor),
  )
}

/** Held until commit, so that a person who is being disabled at this moment is not handed work. */
async function requireActiveUser(tx: TenantTx, id: string, channelId: string): Promise<void> {
  const [user] = await tx.query<{ role: Role }>(
    `select role from users where tenant_id = $1 and id = $2 and status = 'active' for share`,
    [tx.tenantId, id],
  )
  if (!user) throw invalid([{ in: 'body', pointer: '/userId', message: 'there is no such active user' }])
  // An agent who is no member of a closed number could not even look at it.
  const { closedChannelIds } = await belongingOf(tx, id)
  if (user.role === 'agent' && closedChannelIds.has(channelId))
    throw invalid([{ in: 'body', pointer: '/userId', message: 'does not work on this number' }])
}

async function requireTeam(tx: TenantTx, id: string): Promise<void> {
  const found = await tx.query('select 1 from teams where tenant_id = $1 and id = $2 for key share', [
    tx.tenantId,
    id,
  ])
  if (found.length === 0)
    throw invalid([{ in: 'body', pointer: '/teamId', message: 'there is no such team' }])
}
