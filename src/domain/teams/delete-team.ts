import { requireStanding } from '../../auth/standing.ts'
import { Failure } from '../../contract/errors.ts'
import { type ExpectedVersions, requireVersion } from '../../http/conditional.ts'
import { invalid } from '../../http/faults.ts'
import { readersOfUsers } from '../../log/scope.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { auditConversation } from '../conversations/audit-conversation.ts'
import { changeConversation } from '../conversations/change-conversation.ts'
import { lockConversation } from '../conversations/load-conversations.ts'
import { permitOverUsers } from '../users/permit-over-users.ts'
import { lockTeam } from './team-row.ts'

/**
 * Takes a team away. Its conversations go to the team `moveTo`, or to nobody's when that is null: then everybody who works
 * on their number sees those without an assignee. Fails with `not_found`, `precondition_failed`, `forbidden` for a key when one of
 * its members may do more, `validation_failed` for a
 * `moveTo` that is not there, and with `conflict` (`details.conversations`) when it has more than CONVERSATIONS_PER_TEAM_MOVE of
 * them or is still given some meanwhile; and as standing.ts has it. Locks: whoever does it, both teams by id, then the
 * conversations by id.
 */
export async function deleteTeam(
  tx: TenantTx,
  config: Pick<Config, 'CONVERSATIONS_PER_TEAM_MOVE'>,
  by: Doer,
  id: string,
  moveTo: string | null,
  expected: ExpectedVersions,
): Promise<void> {
  if (moveTo === id)
    throw invalid([{ in: 'query', pointer: '/moveTo', message: 'is the team that is deleted' }])
  await requireStanding(tx, by.actor)
  await tx.query('select 1 from teams where tenant_id = $1 and id = any($2::uuid[]) order by id for update', [
    tx.tenantId,
    [id, moveTo],
  ])
  const team = await lockTeam(tx, id)
  requireVersion(expected, team)
  await permitOverUsers(tx, by, team.memberIds)
  if (moveTo !== null) await requireTeam(tx, moveTo)
  const most = config.CONVERSATIONS_PER_TEAM_MOVE
  const conversations = await tx.query<{ id: string }>(
    'select id from conversations where tenant_id = $1 and team_id = $2 order by id limit $3',
    [tx.tenantId, id, most + 1],
  )
  if (conversations.length > most)
    throw new Failure(
      'conflict',
      { conversations: conversations.length, limit: most },
      { message: 'the team has too many conversations to hand on at once' },
    )
  for (const conversation of conversations) {
    const before = await lockConversation(tx, conversation.id)
    if (before.team_id !== id) continue
    const after = await changeConversation(tx, before, 'conversation.assigned', { team_id: moveTo })
    auditConversation(tx, by, 'conversation.assign', before, after)
  }
  await tx.query('delete from teams where tenant_id = $1 and id = $2', [tx.tenantId, id])
  tx.record('team.deleted', { team, joined: [], left: [...team.memberIds] }, readersOfUsers)
  recordAudit(tx, { by, action: 'team.delete', entity: 'team', entityId: id, before: team })
}

async function requireTeam(tx: TenantTx, id: string): Promise<void> {
  await lockTeam(tx, id).catch((error: unknown) => {
    if (!(error instanceof Failure) || error.code !== 'not_found') throw error
    throw invalid([{ in: 'query', pointer: '/moveTo', message: 'there is no such team' }])
  })
}
