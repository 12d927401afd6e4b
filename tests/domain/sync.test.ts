import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AnyLogEvent } from '../../src/contract/events/catalogue.ts'
import { formatPosition } from '../../src/contract/position.ts'
import type { SyncAnswer } from '../../src/contract/rest/sync.ts'
import { assignConversation } from '../../src/domain/conversations/assign-conversation.ts'
import { claimConversation } from '../../src/domain/conversations/claim-conversation.ts'
import { labelConversation } from '../../src/domain/conversations/label-conversation.ts'
import { readConversation } from '../../src/domain/conversations/read-conversation.ts'
import { setConversationStatus } from '../../src/domain/conversations/set-conversation-status.ts'
import { snoozeConversation } from '../../src/domain/conversations/snooze-conversation.ts'
import { addNote } from '../../src/domain/notes/add-note.ts'
import { viewContacts } from '../../src/domain/contacts/present-contact.ts'
import { readEvents, readHead } from '../../src/log/read.ts'
import pg from 'pg'
import { changeConversation } from '../../src/domain/conversations/change-conversation.ts'
import { lockConversation } from '../../src/domain/conversations/load-conversations.ts'
import { eventually } from '../harness/eventually.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { type Api, startApi } from '../harness/api.ts'
import {
  buildChannel,
  buildConversation,
  buildTeam,
  customerWrites,
  messageSettles,
  type SignedIn,
} from '../harness/crowd.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { seededRandom, stormSeed } from '../harness/random.ts'
import {
  expectExactAt,
  expectReplayEqualsSnapshot,
  expectSameAsSnapshot,
  follow,
  takeState,
  threeWatchers,
  type Watcher,
} from '../harness/replay.ts'
import type { ClientState } from '../../src/contract/client-state.ts'

interface Events {
  data: AnyLogEvent[]
  position: string
  more: boolean
}

describe('positions', () => {
  let hub: Hub
  let api: Api
  let admin: SignedIn
  beforeAll(async () => {
    hub = await startHub({ REPLAY_EVENTS: '20', REPLAY_PAGE: '5' })
    api = await startApi(hub)
    admin = await hub.signIn('admin')
    const { id } = await buildConversation(hub, await buildChannel(hub))
    for (let n = 0; n < 12; n++) await customerWrites(hub, id, `message ${n}`)
  })
  afterAll(() => hub[Symbol.asyncDispose]())
  const events = (after: string, more = '') =>
    api.call<Events & { code: string; details: { reason: string; position: string } }>(
      admin.token,
      'GET',
      `/events?after=${after}${more}`,
    )

  test('[SYN3] at the head there is nothing, one before it there is one', async () => {
    const head = await readHead(hub.deps, hub.tenant.id)
    const at = await events(formatPosition(head))
    expect(at).toEqual({ status: 200, body: { data: [], position: formatPosition(head), more: false } })
    const before = await events(formatPosition({ ...head, seq: head.seq - 1 }))
    expect(before.body).toMatchObject({ position: formatPosition(head), more: false })
    expect(before.body.data.map((event) => [event.type, event.seq])).toEqual([['message.received', head.seq]])
  })

  test('[SYN3] pages follow one another without hole or repeat until the head', async () => {
    const head = await readHead(hub.deps, hub.tenant.id)
    const seen: number[] = []
    let page: Events = { data: [], position: '1:0', more: true }
    while (page.more) {
      page = (await events(page.position, '&limit=3')).body
      expect(page.data.length).toBeLessThanOrEqual(3)
      seen.push(...page.data.map((event) => event.seq))
    }
    expect(seen).toEqual(Array.from({ length: head.seq }, (_, n) => n + 1))
    expect(page.position).toBe(formatPosition(head))
  })

  test('[SYN4] a position of the future, of another epoch, trimmed or too far is gone, and says why', async () => {
    const head = await readHead(hub.deps, hub.tenant.id)
    const gone = async (after: string) => {
      const { status, body } = await events(after)
      return { status, code: body.code, reason: body.details?.reason, position: body.details?.position }
    }
    const answer = (reason: string, position = formatPosition(head)) => ({
      status: 410,
      code: 'log_position_gone',
      reason,
      position,
    })
    expect(await gone(formatPosition({ ...head, seq: head.seq + 1 }))).toEqual(answer('future'))
    expect(await gone(`2:${head.seq}`)).toEqual(answer('epoch'))
    const { id } = await buildConversation(hub, await buildChannel(hub))
    for (let n = head.seq + 1; n <= 21; n++) await customerWrites(hub, id, 'more')
    const far = await readHead(hub.deps, hub.tenant.id)
    expect(await gone(`1:${far.seq - 21}`)).toEqual(answer('too_far', formatPosition(far)))
    expect((await events(`1:${far.seq - 20}`)).status).toBe(200)
  })

  test('[SYN4] what is no position, and a page that is larger than the limit, is refused as a mistake', async () => {
    for (const after of ['', 'x', '1:-1', '0:1', '1:1.5'])
      expect(await events(after)).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
    const { position } = await api.get<SyncAnswer>(admin.token, '/sync')
    expect((await events(position, '&limit=5')).status).toBe(200)
    expect((await events(position, '&limit=6')).status).toBe(400)
  })
})

describe('snapshots', () => {
  test('[SYN1] a snapshot holds what its reader may see, up to the limit, and says when there is more', async () => {
    await using hub = await startHub({ SYNC_CONVERSATIONS: '3' })
    const api = await startApi(hub)
    const [admin, ana, ben] = [
      await hub.signIn('admin'),
      await hub.signIn('agent', { sub: 'ana' }),
      await hub.signIn('agent', { sub: 'ben' }),
    ]
    const channelId = await buildChannel(hub)
    const made = []
    for (let n = 0; n < 4; n++) {
      const { id } = await buildConversation(hub, channelId)
      await customerWrites(hub, id, `${n}`, new Date(Date.now() + n * 1000))
      made.push(id)
    }
    await assignConversation(hub.deps, admin.actor, {
      conversationId: made[3] as string,
      userId: ben.actor.id,
    })
    const sync = (who: SignedIn) => api.get<SyncAnswer>(who.token, '/sync')
    const [all, hers] = [await sync(admin), await sync(ana)]
    expect(all.conversations.map(({ id }) => id)).toEqual([made[3], made[2], made[1]])
    expect([all.truncated, hers.truncated]).toEqual([true, false])
    expect(hers.conversations.map(({ id }) => id)).toEqual([made[2], made[1], made[0]])
    expect(hers.conversations[0]?.lastMessage?.text).toBe('2')
    expect(all.channels.map(({ id }) => id)).toEqual([channelId])
    expect(all.users.map(({ id }) => id).sort()).toEqual(
      [admin, ana, ben].map(({ actor }) => actor.id).sort(),
    )
    expect(all.position).toBe(formatPosition(await readHead(hub.deps, hub.tenant.id)))
  })

  test('[SYN5] events that are for others move the position and stay unseen', async () => {
    await using hub = await startHub()
    const api = await startApi(hub)
    const [admin, ana, ben] = [
      await hub.signIn('admin'),
      await hub.signIn('agent', { sub: 'ana' }),
      await hub.signIn('agent', { sub: 'ben' }),
    ]
    const { id } = await buildConversation(hub, await buildChannel(hub))
    await assignConversation(hub.deps, admin.actor, { conversationId: id, userId: ben.actor.id })
    const { position } = await api.get<SyncAnswer>(ana.token, '/sync')
    for (let n = 0; n < 4; n++) await customerWrites(hub, id, 'secret')
    const head = formatPosition(await readHead(hub.deps, hub.tenant.id))
    expect(await api.get<Events>(ana.token, `/events?after=${position}`)).toEqual({
      data: [],
      position: head,
      more: false,
    })
    expect((await api.get<Events>(ben.token, `/events?after=${position}`)).data).toHaveLength(4)
  })
})

describe('pictures in events', () => {
  test('[SYN2] an event never shows a message older than the events before it', async () => {
    await using hub = await startHub()
    const { id } = await buildConversation(hub, await buildChannel(hub))
    const messageId = await customerWrites(hub, id, 'hello')
    const superuser = new pg.Client({ connectionString: hub.config.DATABASE_URL })
    await superuser.connect()
    const waits = async (): Promise<boolean> => {
      const { rows } = await superuser.query(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      )
      return rows.length > 0
    }
    let settled: Promise<void> | undefined
    let committed = false
    await inTenant(hub.deps, hub.tenant.id, async (tx) => {
      const row = await lockConversation(tx, id)
      await changeConversation(tx, row, 'conversation.labelled', { labels: ['x'] })
      settled = messageSettles(hub, messageId, 'read').then(() => {
        committed = true
      })
      // The outcome must wait for the picture that was taken before it; or it is through already, which is the fault.
      await eventually(async () => expect(committed || (await waits())).toBe(true))
    })
    await settled
    await superuser.end()
    const page = await readEvents(hub.deps, hub.tenant.id, { epoch: 1, seq: 0 }, 100)
    const types = typeof page === 'string' ? [] : page.events.map((event) => event.type)
    expect(types.slice(-2)).toEqual(['conversation.labelled', 'message.read'])
  })
})

describe('storms', () => {
  test('[SYN2] random work of many at once, with changing rights, ends with equal replay and snapshot', {
    timeout: 120_000,
  }, async () => {
    await using hub = await startHub({ REPLAY_EVENTS: '100000' })
    const api = await startApi(hub)
    const names = ['ana', 'ben', 'cleo']
    const teamId = await buildTeam(hub, [await hub.signIn('agent', { sub: 'ana' })])
    const agents = await Promise.all(names.map((sub) => hub.signIn('agent', { sub })))
    const manager = await hub.signIn('manager', { sub: 'max' })
    const channelId = await buildChannel(hub)
    const ids: string[] = []
    for (let n = 0; n < 6; n++) ids.push((await buildConversation(hub, channelId)).id)
    const sent: string[] = []
    let refused = 0
    let worked = 0
    const seed = stormSeed('storm of conversations')

    const step = async (random: () => number): Promise<void> => {
      const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T
      const conversationId = pick(ids)
      const { actor } = pick([...agents, manager, manager])
      const done = await pick<() => Promise<unknown>>([
        () => claimConversation(hub.deps, actor, { conversationId }),
        () =>
          assignConversation(hub.deps, manager.actor, {
            conversationId,
            userId: pick([null, ...agents.map((one) => one.actor.id)]),
          }),
        () => assignConversation(hub.deps, actor, { conversationId, teamId: pick([null, teamId]) }),
        () =>
          setConversationStatus(hub.deps, actor, {
            conversationId,
            status: pick(['open', 'pending', 'resolved']),
          }),
        () =>
          snoozeConversation(hub.deps, actor, {
            conversationId,
            snoozedUntil: new Date(Date.now() + 3_600_000).toISOString(),
          }),
        () =>
          labelConversation(hub.deps, actor, {
            conversationId,
            add: [pick(['a', 'b', 'c'])],
            remove: [pick(['a', 'b', 'c'])],
          }),
        () => readConversation(hub.deps, actor, { conversationId, seq: Math.floor(random() * 30) }),
        () => addNote(hub.deps, actor, { conversationId, body: `note ${Math.floor(random() * 1000)}` }),
        async () => void sent.push(await customerWrites(hub, conversationId, 'hello')),
        async () => sent.length > 0 && messageSettles(hub, pick(sent), pick(['sent', 'delivered', 'read'])),
        () => renameContact(hub, conversationId, `Name ${Math.floor(random() * 1000)}`),
        () => hub.signIn('agent', { sub: pick(names), name: `Agent ${Math.floor(random() * 1000)}` }),
      ])().then(
        () => null,
        (error: unknown) => error,
      )
      if (done instanceof Error) refused += 1
      else worked += 1
      // Refused for cause is part of the storm; anything else is not.
      if (done instanceof Error && !('code' in done && refusals.has(String(done.code)))) throw done
    }

    const watchers = [
      ...(await threeWatchers(hub)),
      ...agents.map(({ actor, token }) => ({ name: actor.name, token })),
    ]
    for (let round = 0; round < 4; round++) {
      const [admin] = watchers as [Watcher]
      const start = await api.get<SyncAnswer>(admin.token, '/sync')
      const exact: SyncAnswer[] = []
      const midway: { watcher: Watcher; state: ClientState }[] = []
      await expectReplayEqualsSnapshot(
        hub,
        () =>
          Promise.all([
            ...Array.from({ length: 6 }, async (_, worker) => {
              const random = seededRandom(seed + round * 100 + worker)
              for (let n = 0; n < 12; n++) await step(random)
            }),
            (async () => {
              for (let n = 0; n < 8; n++) exact.push(await api.get<SyncAnswer>(admin.token, '/sync'))
            })(),
            // Snapshots in the middle of it, each of which must come to the same end.
            ...watchers.map(async (watcher) => {
              const state = await takeState(api, watcher)
              midway.push({ watcher, state: await follow(api, watcher, state) }, { watcher, state })
            }),
          ]),
        { watchers, api },
      )
      for (const snapshot of exact) await expectExactAt(api, admin, start, snapshot)
      for (const { watcher, state } of midway) await expectSameAsSnapshot(api, watcher, state)
    }
    // A storm in which nothing or everything was allowed would prove little.
    expect(worked).toBeGreaterThan(100)
    expect(refused).toBeGreaterThan(5)
  })
})

const refusals = new Set(['already_claimed', 'not_found', 'conversation_closed', 'conflict'])

async function renameContact(hub: Hub, conversationId: string, firstName: string): Promise<void> {
  await inTenant(hub.deps, hub.tenant.id, async (tx) => {
    const [row] = await tx.query<{ id: number }>(
      `update contacts ct set first_name = $2, version = ct.version + 1 from conversations c
       where c.id = $1 and ct.id = c.contact_id and ct.tenant_id = c.tenant_id returning ct.id`,
      [conversationId, firstName],
    )
    const [contact] = await viewContacts(tx.query.bind(tx), tx.tenantId, [row?.id ?? 0])
    if (contact) tx.record('contact.updated', { contact }, { kind: 'tenant' })
  })
}
