import { expect, test } from 'vitest'
import type { Actor } from '../../src/auth/actor.ts'
import { can } from '../../src/auth/can.ts'
import type { ActivityView } from '../../src/contract/crm/activity.ts'
import type { DealView } from '../../src/contract/crm/deal.ts'
import type { AnyLogEvent } from '../../src/contract/events/catalogue.ts'
import { type Role, roles } from '../../src/contract/records.ts'
import { activityRights } from '../../src/domain/activities/present-activity.ts'
import { resolvePeople } from '../../src/domain/contacts/resolve-people.ts'
import { dealRights } from '../../src/domain/deals/present-deal.ts'
import { visibleTo } from '../../src/domain/records/list-records.ts'
import type { Rights } from '../../src/domain/records/record-kind.ts'
import { formatPosition } from '../../src/contract/position.ts'
import type { About } from '../../src/log/scope.ts'
import { readHead } from '../../src/log/read.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { buildChannel, buildContact, buildConversation } from '../harness/crowd.ts'
import { seededRandom, stormSeed } from '../harness/random.ts'
import { expectReplayEqualsSnapshot, type Watcher } from '../harness/replay.ts'
import { startApi } from '../harness/api.ts'
import { closeNumber, type Row } from './closed-number.ts'

/** What is about a customer of the open number, of the closed one, of both, and of none. */
async function fill({ hub, ben, open, closed, boss, deal, task }: Awaited<ReturnType<typeof closeNumber>>) {
  const there = await buildConversation(hub, open)
  const hidden = await buildConversation(hub, closed, await buildContact(hub, { firstName: 'Heliotrope' }))
  const everywhere = (await buildConversation(hub, open)).contactId
  const alsoHidden = await buildConversation(hub, closed, everywhere)
  const unwritten = await buildContact(hub)
  const deals = {
    free: await deal('zebra free'),
    there: await deal('zebra there', { contactId: there.contactId, conversationIds: [there.id] }),
    both: await deal('zebra both', { contactId: everywhere }),
    unwritten: await deal('zebra unwritten', { contactId: unwritten }),
    mine: await deal('zebra mine', {
      contactId: hidden.contactId,
      conversationIds: [hidden.id],
      ownerId: ben.actor.id,
    }),
    hidden: await deal('zebra heliotrope', { contactId: hidden.contactId }),
    linked: await deal('zebra heliotrope', { conversationIds: [hidden.id] }),
    half: await deal('zebra heliotrope', {
      contactId: everywhere,
      conversationIds: [there.id, alsoHidden.id],
    }),
  }
  const tasks = {
    free: await task('zebra free'),
    there: await task('zebra there', { contactId: there.contactId, conversationId: there.id }),
    ofDeal: await task('zebra of a deal', { dealId: deals.both.id }),
    mine: await task('zebra mine', { contactId: hidden.contactId, assigneeId: ben.actor.id }),
    hidden: await task('zebra heliotrope', { contactId: hidden.contactId }),
    linked: await task('zebra heliotrope', { conversationId: hidden.id }),
    ofHidden: await task('zebra heliotrope', { dealId: deals.hidden.id }),
    ofHalf: await task('zebra heliotrope', { dealId: deals.half.id, contactId: there.contactId }),
  }
  const notes = {} as Record<keyof typeof deals, Row>
  for (const [name, { id, title }] of Object.entries(deals))
    notes[name as keyof typeof deals] = await boss.make('/admin/notes', { dealId: id, body: title })
  return { there, hidden, everywhere, deals, tasks, notes }
}

const seenDeals = ['free', 'there', 'both', 'unwritten', 'mine'] as const
const seenTasks = ['free', 'there', 'ofDeal', 'mine'] as const
const idsOf = <Name extends string>(all: Readonly<Record<Name, Row>>, names: readonly Name[]): number[] =>
  names.map((name) => all[name].id).sort((one, other) => one - other)

test('[NEAR1] what is nobody’s and about a closed number is in no list, search, total, export, story, link or event of who does not work there', async () => {
  const world = await closeNumber()
  await using hub = world.hub
  const { ana, ben, admin, as, stageId } = world
  const start = formatPosition(await readHead(hub.deps, hub.tenant.id))
  const { there, hidden, everywhere, deals, tasks, notes } = await fill(world)
  const [asBen, asAna, boss] = [as(ben.token), as(ana.token), as(admin.token)]

  for (const path of [
    '/admin/deals?limit=200',
    '/api/v1/search?kind=deals&q=zebra',
    '/admin/deals?q=zebra',
  ]) {
    expect(await asBen.rows(path), path).toEqual(idsOf(deals, seenDeals))
    expect(await asAna.rows(path), path).toEqual(
      Object.values(deals)
        .map(({ id }) => id)
        .filter((id) => id !== deals.mine.id),
    )
    expect((await boss.rows(path)).length, path).toBe(8)
  }
  expect(await asBen.rows('/admin/activities?limit=200')).toEqual(idsOf(tasks, seenTasks))
  expect(await asBen.rows('/admin/activities?q=zebra')).toEqual(idsOf(tasks, seenTasks))
  expect((await asAna.rows('/admin/activities?limit=200')).length).toBe(7)
  expect(await asBen.rows('/admin/notes?limit=200')).toEqual(idsOf(notes, seenDeals))
  const total = async (who: typeof asBen) =>
    (
      await who.call<{ data: { stageId: number; count: number }[] }>('GET', '/admin/deals/totals')
    ).body.data.find((one) => one.stageId === stageId)?.count
  expect([await total(asBen), await total(asAna), await total(boss)]).toEqual([5, 7, 8])
  const file = await asBen.call('GET', '/admin/deals/export')
  expect([file.text.trim().split('\r\n').length, file.text.includes('heliotrope')]).toEqual([6, false])
  const story = await asBen.call<{ data: { kind: string }[] }>(
    'GET',
    `/admin/contacts/${everywhere}/timeline`,
  )
  expect(story.text).not.toContain('heliotrope')
  const filtered = `contactId=${everywhere}`
  expect(await asBen.rows(`/admin/deals?${filtered}`)).toEqual([deals.both.id])
  expect(await asBen.rows(`/admin/deals?conversationId=${there.id}`)).toEqual([deals.there.id])

  // One by one, and whatever is written.
  for (const [names, all, path] of [
    [seenDeals, deals, '/admin/deals'],
    [seenTasks, tasks, '/admin/activities'],
    [seenDeals, notes, '/admin/notes'],
  ] as const)
    for (const [name, { id }] of Object.entries<Row>(all)) {
      const isSeen = (names as readonly string[]).includes(name)
      const one = `${path}/${id}`
      expect((await asBen.call('GET', one)).status, `${path} ${name}`).toBe(isSeen ? 200 : 404)
      if (isSeen) continue
      for (const [method, at, json] of [
        ['PATCH', one, {}],
        ['DELETE', one, undefined],
        ['POST', `${one}/restore`, undefined],
        ['POST', `${path}/bulk`, { ids: [id], action: 'delete' }],
      ] as const) {
        const { status, text } = await asBen.call(method, at, json)
        expect([status, text.includes('not_found')], `${method} ${path} ${name}: ${text}`).toEqual([
          at.endsWith('bulk') ? 200 : 404,
          true,
        ])
      }
    }
  const secret = deals.hidden.id
  expect((await asBen.call('GET', `/admin/deals/${secret}/stage-changes`)).status).toBe(404)
  expect((await asBen.call('POST', `/admin/deals/${secret}/move`, { stageId })).status).toBe(404)
  const beside = await asBen.call('POST', `/admin/deals/${deals.free.id}/move`, { stageId, after: secret })
  expect([beside.status, beside.body.code]).toEqual([409, 'conflict'])
  expect((await asBen.call('POST', '/admin/notes', { body: 'x', dealId: secret })).status).toBe(400)
  const about = { type: 'task', subject: 'x', dealId: secret }
  expect((await asBen.call('POST', '/admin/activities', about)).status).toBe(400)
  expect((await asBen.call('POST', `/admin/activities/${tasks.hidden.id}/complete`, {})).status).toBe(404)

  // What is theirs stays theirs, and tells of nobody whom they do not see.
  for (const [path, names] of [
    ['deals', 'contact,conversations'],
    ['activities', 'contact,conversation,deal'],
    ['notes', 'contact,conversation,deal'],
  ] as const) {
    const { status, body, text } = await asBen.call<{ included: Record<string, readonly Row[]> }>(
      'GET',
      `/admin/${path}?include=${names}&limit=200`,
    )
    expect(status, text).toBe(200)
    for (const [source, ids] of [
      ['contacts', [hidden.contactId]],
      ['conversations', [hidden.id]],
      ['deals', [deals.hidden.id, deals.half.id]],
    ] as const)
      for (const id of ids)
        expect(body.included[source]?.map((row) => row.id) ?? [], `${path} ${source}`).not.toContain(id)
    expect(text.toLowerCase().includes('heliotrope'), path).toBe(false)
  }
  const replayed = await asBen.call<{ data: AnyLogEvent[] }>('GET', `/api/v1/events?after=${start}&limit=200`)
  const told = (type: string) => replayed.body.data.filter((event) => event.type === type).length
  expect([told('deal.created'), told('activity.created'), told('note.added')]).toEqual([5, 4, 5])
  expect(replayed.text.toLowerCase()).not.toContain('heliotrope')
})

test('[NEAR1] who loses sight of what a record is about is told to forget it, who gains sight is shown it, nobody else is told', async () => {
  const world = await closeNumber()
  await using hub = world.hub
  const { ana, ben, admin, open, closed, boss, deal, task } = world
  const watchers: Watcher[] = Object.entries({ ana, ben, admin }).map(([name, { token }]) => ({
    name,
    token,
  }))
  const api = await startApi(hub)
  /** What each of them hears of deals and activities while something happens; the net compares their screens with fresh ones. */
  const during = async (act: () => Promise<unknown>) => {
    const from = formatPosition(await readHead(hub.deps, hub.tenant.id))
    await expectReplayEqualsSnapshot(hub, act, { watchers, api })
    const heard: Record<string, string[]> = {}
    for (const { name, token } of watchers) {
      const { data } = await api.get<{ data: AnyLogEvent[] }>(token, `/events?after=${from}&limit=200`)
      heard[name] = data.map(({ type }) => type).filter((type) => /^(deal|activity)\./.test(type))
    }
    return heard
  }
  const hidden = await buildConversation(hub, closed)
  const stranger = await buildContact(hub)
  const one = await deal('one')
  const ofOne = await task('of one', { dealId: one.id })
  await task('about the stranger', { contactId: stranger })
  await deal('about the stranger', { contactId: stranger })

  expect(await during(() => boss.change(`/admin/deals/${one.id}`, { contactId: hidden.contactId }))).toEqual({
    ana: ['activity.updated', 'deal.updated'],
    ben: ['activity.hidden', 'deal.hidden'],
    admin: ['activity.updated', 'deal.updated'],
  })
  // Whose it is does not concern who did not see it.
  expect(await during(() => boss.change(`/admin/deals/${one.id}`, { ownerId: ana.actor.id }))).toEqual({
    ana: ['deal.updated'],
    ben: [],
    admin: ['deal.updated'],
  })
  expect(await during(() => boss.change(`/admin/deals/${one.id}`, { ownerId: ben.actor.id }))).toEqual({
    ana: ['deal.hidden'],
    ben: ['deal.updated'],
    admin: ['deal.updated'],
  })
  expect(await during(() => boss.change(`/admin/deals/${one.id}`, { ownerId: null }))).toEqual({
    ana: ['deal.updated'],
    ben: ['deal.hidden'],
    admin: ['deal.updated'],
  })
  const shown = await during(() => boss.change(`/admin/deals/${one.id}`, { contactId: null }))
  expect(shown['ben']).toEqual(['activity.updated', 'deal.updated'])
  expect(
    await during(() => boss.change(`/admin/activities/${ofOne.id}`, { conversationId: hidden.id })),
  ).toEqual({
    ana: ['activity.updated'],
    ben: ['activity.hidden'],
    admin: ['activity.updated'],
  })
  expect(
    (await during(() => boss.change(`/admin/deals/${one.id}`, { conversationIds: [hidden.id] })))['ben'],
  ).toEqual(['activity.hidden', 'deal.hidden'])

  // Somebody begins to write: on the closed number first, then on the open one.
  const lost = await during(() => buildConversation(hub, closed, stranger))
  expect(lost['ben']).toEqual(['deal.hidden', 'activity.hidden'])
  expect(lost['ana']).toEqual(['deal.updated', 'activity.updated'])
  const found = await during(() => buildConversation(hub, open, stranger))
  expect(found['ben']).toEqual(['deal.updated', 'activity.updated'])

  // Two people are one, and two again.
  const friend = await buildContact(hub)
  await deal('about a friend', { contactId: friend })
  const merged = await during(async () => {
    await boss.call('POST', `/admin/contacts/${friend}/merge`, { otherId: hidden.contactId })
  })
  expect(merged['ben']).toEqual(['deal.hidden'])
  const merges = await boss.call<{ merge: { id: string } }>('POST', `/admin/contacts/${stranger}/merge`, {
    otherId: friend,
  })
  const parted = await during(async () => {
    await boss.call('POST', `/admin/contacts/merges/${merges.body.merge.id}/undo`)
  })
  expect(parted['ben']).toContain('deal.hidden')
}, 60_000)

test('[NEAR1] two whom a network shows to be one: who may not see the one forgets the other, and what was about it', async () => {
  const world = await closeNumber()
  await using hub = world.hub
  const { ben, ana, admin, closed, deal, task } = world
  const watchers: Watcher[] = Object.entries({ ana, ben, admin }).map(([name, { token }]) => ({
    name,
    token,
  }))
  const [phone, other] = ['4917155500001', '4917155500002']
  // Ben knows both: one wrote to nobody yet, nor did the other, about whom a deal was written.
  const [tended, writing] = [await buildContact(hub, { phone }), await buildContact(hub, { phone: other })]
  const one = await deal('about them', { contactId: tended })
  await task('of that deal', { dealId: one.id })
  await expectReplayEqualsSnapshot(hub, () => buildConversation(hub, closed, writing), { watchers })
  const identities = [phone, other].map((value) => ({ kind: 'phone', value }) as const)
  await expectReplayEqualsSnapshot(
    hub,
    () =>
      inTenant(hub.deps, hub.tenant.id, (tx) =>
        resolvePeople(tx, [{ person: { identities }, create: true }]),
      ),
    { watchers },
  )
  const asBen = world.as(ben.token)
  expect(await asBen.rows('/admin/deals')).toEqual([])
  expect(await asBen.rows('/admin/activities')).toEqual([])
  expect(await world.as(ana.token).rows('/admin/deals')).toEqual([one.id])
})

test('[NEAR1] the rule for deals and activities says the same in SQL and in code, for anybody and whatever they are about', async () => {
  const world = await closeNumber()
  await using hub = world.hub
  const random = seededRandom(stormSeed('records in sight'))
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T
  const some = <T>(items: readonly T[], share = 0.4): T[] => items.filter(() => random() < share)
  const channels = [world.open, world.closed, await buildChannel(hub)]
  const talks: { id: string; contactId: number; channelId: string }[] = []
  const contacts: number[] = []
  for (let n = 0; n < 6; n++) {
    const contactId = await buildContact(hub)
    contacts.push(contactId)
    for (const channelId of some(channels))
      talks.push({ ...(await buildConversation(hub, channelId, contactId)), channelId })
  }
  const owners = [null, null, null, world.ana.actor.id, world.ben.actor.id]
  const deals: DealView[] = []
  for (let n = 0; n < 25; n++)
    deals.push(
      await world.deal('x', {
        ownerId: pick(owners),
        contactId: pick([null, ...contacts]),
        conversationIds: some(talks, 0.15).map(({ id }) => id),
      }),
    )
  const activities: ActivityView[] = []
  for (let n = 0; n < 25; n++)
    activities.push(
      await world.task('x', {
        assigneeId: pick(owners),
        contactId: pick([null, null, ...contacts]),
        conversationId: pick([null, null, ...talks.map(({ id }) => id)]),
        dealId: pick([null, ...deals.map(({ id }) => id)]),
      }),
    )
  const aboutOf = (contactId: number | null, conversationIds: readonly string[]): About => ({
    contact:
      contactId === null
        ? null
        : {
            channelIds: talks
              .filter((talk) => talk.contactId === contactId)
              .map(({ channelId }) => channelId),
          },
    channelIds: talks.filter(({ id }) => conversationIds.includes(id)).map(({ channelId }) => channelId),
  })
  const places = {
    deals: deals.map(({ id, ownerId, contactId, conversationIds }) => ({
      id,
      place: { ownerId, about: aboutOf(contactId, conversationIds) },
    })),
    activities: activities.map(({ id, assigneeId, contactId, conversationId, dealId }) => {
      const deal = deals.find((one) => one.id === dealId)
      const conversations = [
        ...(deal?.conversationIds ?? []),
        ...(conversationId === null ? [] : [conversationId]),
      ]
      return {
        id,
        place: { ownerId: assigneeId, about: aboutOf(contactId ?? deal?.contactId ?? null, conversations) },
      }
    }),
  }
  const anybody = (role: Role): Actor => {
    const signed = {
      tenantId: hub.tenant.id,
      role,
      id: pick([world.ana.actor.id, world.ben.actor.id]),
      name: 'x',
      teamIds: new Set<string>(),
      closedChannelIds: new Set(some(channels)),
    }
    return random() < 0.7
      ? { ...signed, kind: 'user', email: null, platformUserId: null }
      : { ...signed, kind: 'key', scopes: some(['deal.read', 'activity.read']), ratePerMinute: null }
  }
  const actors: Actor[] = [
    { kind: 'system', tenantId: hub.tenant.id, name: 'sweep' },
    ...roles.flatMap((role) => Array.from({ length: role === 'agent' ? 60 : 5 }, () => anybody(role))),
  ]
  let limited = 0
  for (const actor of actors)
    for (const [table, rights] of [
      ['deals', dealRights],
      ['activities', activityRights],
    ] as const) {
      const values: unknown[] = [hub.tenant.id]
      const where = visibleTo(
        actor,
        { rights: rights as Rights<unknown> },
        (value) => `$${values.push(value)}`,
      )
      const rows = await inTenant(hub.deps, hub.tenant.id, (tx) =>
        tx.query<Row>(
          `select r.id from ${table} r where r.tenant_id = $1 and ${where} order by r.id`,
          values,
        ),
      )
      const allowed = places[table].filter(({ place }) => can(actor, rights.read, place)).map(({ id }) => id)
      // A key without the right is turned away before any list; see permit().
      if (can(actor, rights.read)) expect(rows.map(({ id }) => id)).toEqual(allowed)
      if (allowed.length > 0 && allowed.length < places[table].length) limited += 1
    }
  expect(limited).toBeGreaterThan(40)
}, 60_000)
