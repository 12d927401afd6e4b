import { expect, test } from 'vitest'
import { buildConversation } from '../harness/crowd.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import { closeNumber } from './closed-number.ts'

test('[NEAR1] a task is given to a deal while the deal goes to somebody out of sight: whoever comes second sees what the first one wrote', async () => {
  const { hub, ben, open, closed, as, boss, deal, task } = await closeNumber()
  await using _ = hub
  const there = await buildConversation(hub, open)
  const hidden = await buildConversation(hub, closed)
  const pairs = await Promise.all(
    Array.from({ length: 10 }, async (_, n) => ({
      deal: await deal(`deal ${n}`, { contactId: there.contactId }),
      task: await task(`task ${n}`),
    })),
  )
  await expectReplayEqualsSnapshot(
    hub,
    () =>
      Promise.all(
        pairs.flatMap((pair) => [
          boss.change(`/admin/activities/${pair.task.id}`, { dealId: pair.deal.id }),
          boss.change(`/admin/deals/${pair.deal.id}`, { contactId: hidden.contactId }),
        ]),
      ),
    { watchers: [{ name: 'ben', token: ben.token }] },
  )
  expect(await as(ben.token).rows('/admin/activities')).toEqual([])
})

test('[NEAR1] merges and changes of what is about the people wait for each other in no circle', async () => {
  const { hub, open, closed, boss, deal, task } = await closeNumber()
  await using _ = hub
  const [one, other] = [await buildConversation(hub, open), await buildConversation(hub, closed)]
  const deals = await Promise.all([0, 1, 2].map((n) => deal(`deal ${n}`, { contactId: other.contactId })))
  const tasks = await Promise.all(deals.map(({ id }, n) => task(`task ${n}`, { dealId: id })))
  const deadlocks = async () => {
    const { rows } = await hub.deps.db.write.query<{ deadlocks: number }>(
      'select deadlocks from pg_stat_database where datname = current_database()',
    )
    return rows[0]?.deadlocks
  }
  const statuses = new Set<number>()
  const say = async (method: string, path: string, json: object) => {
    const { status, body } = await boss.call<{ merge?: { id: string } }>(method, path, json)
    statuses.add(status)
    return body
  }
  const before = await deadlocks()
  let isOver = false
  const keepOn = async (change: (n: number) => Promise<unknown>) => {
    for (let n = 0; !isOver; n++) await change(n)
  }
  const changes = [
    keepOn((n) => say('PATCH', `/admin/deals/${deals[n % 3]?.id}`, { title: `title ${n}` })),
    keepOn((n) =>
      say('PATCH', `/admin/deals/${deals[n % 3]?.id}`, {
        contactId: n % 2 === 0 ? one.contactId : other.contactId,
      }),
    ),
    keepOn((n) => say('PATCH', `/admin/activities/${tasks[n % 3]?.id}`, { dealId: deals[(n + 1) % 3]?.id })),
    keepOn((n) => say('PATCH', `/admin/activities/${tasks[n % 3]?.id}`, { subject: `subject ${n}` })),
  ]
  for (let n = 0; n < 6; n++) {
    const { merge } = await say('POST', `/admin/contacts/${one.contactId}/merge`, {
      otherId: other.contactId,
    })
    await say('POST', `/admin/contacts/merges/${merge?.id}/undo`, {})
  }
  isOver = true
  await Promise.all(changes)
  expect([...statuses].filter((status) => status >= 500)).toEqual([])
  expect(statuses).toContain(200)
  expect(await deadlocks()).toBe(before)
})
