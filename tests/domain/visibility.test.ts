import { expect, test } from 'vitest'
import type { Actor } from '../../src/auth/actor.ts'
import { can } from '../../src/auth/can.ts'
import { conversationVisibility } from '../../src/auth/conversation-visibility.ts'
import { type Role, roles } from '../../src/contract/records.ts'
import type { ConversationPlace } from '../../src/log/scope.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { startHub } from '../harness/hub.ts'
import { seededRandom, stormSeed } from '../harness/random.ts'

test('[CON11] the rule for reading says the same in SQL and in code, for anybody and anywhere', async () => {
  await using hub = await startHub()
  const random = seededRandom(stormSeed('visibility'))
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T
  const some = <T>(items: readonly T[]): T[] => items.filter(() => random() < 0.4)
  const [people, teams, channels] = [0, 1, 2].map(() => [uuidv7(), uuidv7(), uuidv7()]) as [
    string[],
    string[],
    string[],
  ]
  const places: (ConversationPlace & { id: string })[] = channels.flatMap((channelId) =>
    [null, ...people].flatMap((assigneeId) =>
      [null, ...teams].map((teamId) => ({ id: uuidv7(), channelId, assigneeId, teamId })),
    ),
  )
  const anybody = (role: Role): Actor => {
    const signed = {
      tenantId: hub.tenant.id,
      role,
      id: pick(people),
      name: 'x',
      teamIds: new Set(some(teams)),
      closedChannelIds: new Set(some(channels)),
    }
    return random() < 0.7
      ? { ...signed, kind: 'user', email: null, platformUserId: null }
      : { ...signed, kind: 'key', scopes: some(['conversation.read', 'message.send']), ratePerMinute: null }
  }
  const actors: Actor[] = [
    { kind: 'system', tenantId: hub.tenant.id, name: 'sweep' },
    ...roles.flatMap((role) => Array.from({ length: 40 }, () => anybody(role))),
  ]
  let limited = 0
  for (const actor of actors) {
    const { sql, values } = conversationVisibility(actor, 2)
    const { rows } = await hub.deps.db.read.query<{ id: string }>(
      `with c as (select * from json_to_recordset($1)
         as p(id uuid, channel_id uuid, assignee_id uuid, team_id uuid)) select c.id from c where ${sql} order by c.id`,
      [
        JSON.stringify(
          places.map(({ id, channelId, assigneeId, teamId }) => ({
            id,
            channel_id: channelId,
            assignee_id: assigneeId,
            team_id: teamId,
          })),
        ),
        ...values,
      ],
    )
    const allowed = places.filter((place) => can(actor, 'conversation.read', place)).map(({ id }) => id)
    expect(rows.map(({ id }) => id)).toEqual(allowed.sort())
    if (allowed.length > 0 && allowed.length < places.length) limited += 1
  }
  expect(limited).toBeGreaterThan(20)
})
