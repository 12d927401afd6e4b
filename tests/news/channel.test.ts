import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ChannelView } from '../../src/contract/channel.ts'
import { endRestriction } from '../../src/domain/channels/end-restrictions.ts'
import { applyReport } from '../../src/domain/channels/verify-channel.ts'
import { recordChannelNews } from '../../src/domain/channels/record-channel-news.ts'
import { stopChannel } from '../../src/domain/channels/stop-channel.ts'
import { readEvents, readHead } from '../../src/log/read.ts'
import { readTenant } from '../../src/log/read-tenant.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import type { Jobs } from '../../src/platform/jobs.ts'
import type { InboundChannelUpdate } from '../../src/providers/inbound.ts'
import { buildChannel } from '../harness/crowd.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'

let hub: Hub
let rest: RestClient
const nudged: string[] = []

beforeAll(async () => {
  hub = await startHub()
  rest = await startRestOf(hub)
})
afterAll(() => hub[Symbol.asyncDispose]())

const jobs: Jobs = {
  nudge: (name, data) => void nudged.push(`${name} ${JSON.stringify(data)}`),
  close: () => Promise.resolve(),
}

function hears(channelId: string, news: readonly InboundChannelUpdate[], tenantId = hub.tenant.id) {
  return inTenant({ ...hub.deps, jobs }, tenantId, (tx) => recordChannelNews(tx, hub.deps, channelId, news))
}

function news(secondsAgo: number, more: Partial<InboundChannelUpdate>): InboundChannelUpdate {
  return {
    kind: 'channel',
    at: new Date(Date.now() - secondsAgo * 1000),
    what: 'a test',
    health: {},
    ...more,
  }
}

async function shown(id: string, role: 'admin' | 'agent' = 'admin'): Promise<ChannelView> {
  const answer = await rest.call<{ data: ChannelView }>('GET', `/api/v1/channels/${id}`, {
    token: hub.token(role),
  })
  expect(answer.status).toBe(200)
  return answer.body.data
}

async function eventsSince(seq: number) {
  const page = await readEvents(hub.deps, hub.tenant.id, { epoch: 1, seq }, 1000)
  if (typeof page === 'string') throw new Error(page)
  return page.events.map((event) => ({
    type: event.type,
    actor: JSON.parse(event.actor) as { kind: string },
    data: JSON.parse(event.payload) as { channel: ChannelView },
  }))
}

test('[NEWS1] what a network says in one batch is one event, replayed as a snapshot shows it', async () => {
  const id = await buildChannel(hub)
  const before = await readHead(hub.deps, hub.tenant.id)
  await expectReplayEqualsSnapshot(hub, () =>
    hears(id, [
      news(30, { health: { messagingLimit: 'TIER_2K' } }),
      news(20, { health: { accountEvent: 'ACCOUNT_VIOLATION', violation: 'SPAM' } }),
      news(10, { status: 'disconnected', reason: 'the connection timed out' }),
    ]),
  )
  const events = (await eventsSince(before.seq)).filter(({ type }) => type.startsWith('channel.'))
  expect(events).toMatchObject([
    {
      type: 'channel.updated',
      actor: { kind: 'provider' },
      data: {
        channel: {
          id,
          status: 'disconnected',
          stoppedReason: null,
          version: 2,
          health: { messagingLimit: 'TIER_2K', violation: 'SPAM', reason: 'the connection timed out' },
        },
      },
    },
  ])
})

test('[NEWS1] what was known already, comes twice or comes late changes nothing and is not announced', async () => {
  const id = await buildChannel(hub)
  const said = [
    news(30, { health: { quality: 'GREEN' } }),
    news(10, { status: 'restricted', reason: 'too many complaints', health: { quality: 'RED' } }),
  ]
  await hears(id, said)
  const before = await shown(id)
  const head = await readHead(hub.deps, hub.tenant.id)
  await hears(id, said)
  await hears(id, [news(20, { status: 'connected', health: { quality: 'YELLOW' } })])
  // Said again later: nobody sees a difference, and it counts from then on.
  await hears(id, [news(2, { health: { quality: 'RED' } })])
  await hears(id, [news(5, { health: { quality: 'YELLOW' } })])
  expect(await shown(id)).toEqual(before)
  expect(before).toMatchObject({ status: 'restricted', health: { quality: 'RED' } })
  expect(await readHead(hub.deps, hub.tenant.id)).toEqual(head)
})

test('[NEWS1] an answer to a check counts from the moment of the check', async () => {
  const id = await buildChannel(hub)
  const by = { actor: { kind: 'system' as const, tenantId: hub.tenant.id, name: 'a test' } }
  await inTenant(hub.deps, hub.tenant.id, (tx) =>
    applyReport(tx, hub.deps, by, id, { status: 'connected', health: { quality: 'GREEN' } }),
  )
  await hears(id, [
    news(60, { status: 'blocked', reason: 'banned', health: { quality: 'RED', banState: 'DISABLE' } }),
  ])
  expect(await shown(id)).toMatchObject({
    status: 'connected',
    stoppedReason: null,
    health: { quality: 'GREEN', banState: 'DISABLE' },
  })
})

test('[NEWS2] a ban stops the number, the end of it lets it go on and wakes its queue', async () => {
  const id = await buildChannel(hub)
  await hears(id, [news(30, { status: 'blocked', reason: 'DISABLED_UPDATE: DISABLE' })])
  expect(await shown(id)).toMatchObject({ status: 'blocked', stoppedReason: 'DISABLED_UPDATE: DISABLE' })
  nudged.length = 0
  await hears(id, [news(20, { status: 'connected', reason: 'DISABLED_UPDATE: REINSTATE' })])
  expect(await shown(id)).toMatchObject({ status: 'connected', stoppedReason: null })
  expect(nudged).toEqual([`deliver-outbound ${JSON.stringify({ tenantId: hub.tenant.id, channelId: id })}`])
  nudged.length = 0
  await hears(id, [news(10, { health: { quality: 'GREEN' } })])
  expect(nudged).toEqual([])
})

test('[NEWS2] news does not answer credentials that were refused; a good check does, and wakes the queue', async () => {
  const id = await buildChannel(hub)
  await inTenant(hub.deps, hub.tenant.id, (tx) => stopChannel(hub.deps, tx, id, 'the token is refused (190)'))
  await hears(id, [news(20, { status: 'restricted', reason: 'restricted too' })])
  await hears(id, [news(10, { status: 'connected' })])
  expect(await shown(id)).toMatchObject({ status: 'connected', stoppedReason: 'the token is refused (190)' })
  const by = { actor: { kind: 'system' as const, tenantId: hub.tenant.id, name: 'a test' } }
  nudged.length = 0
  await inTenant({ ...hub.deps, jobs }, hub.tenant.id, (tx) =>
    applyReport(tx, hub.deps, by, id, { status: 'connected', health: {} }),
  )
  expect(await shown(id)).toMatchObject({ stoppedReason: null })
  expect(nudged).toContain(`deliver-outbound ${JSON.stringify({ tenantId: hub.tenant.id, channelId: id })}`)
})

test('[NEWS2] a restriction that names its end ends by itself, unless something else was said since', async () => {
  const stuck = await buildChannel(hub)
  const later = await buildChannel(hub)
  const banned = await buildChannel(hub)
  const until = new Date(Date.now() - 5000)
  const restriction = { status: 'restricted', reason: 'spam' } as const
  await hears(stuck, [news(60, { ...restriction, until })])
  await hears(later, [news(60, { ...restriction, until: new Date(Date.now() + 60_000) })])
  await hears(banned, [
    news(60, { ...restriction, until }),
    news(30, { status: 'blocked', reason: 'banned' }),
  ])
  expect(await shown(stuck)).toMatchObject({ status: 'restricted', stoppedReason: 'spam' })
  nudged.length = 0
  const end = (channelId: string) =>
    endRestriction({ ...hub.deps, jobs }, { tenantId: hub.tenant.id, channelId })
  const found = await hub.deps.db.read.query<{ channel_id: string }>(
    'select channel_id from channels_with_ended_restrictions(100)',
  )
  expect(found.rows).toEqual([{ channel_id: stuck }])
  await expectReplayEqualsSnapshot(hub, async () => expect(await end(stuck)).toBe(true))
  expect(await end(stuck)).toBe(false)
  expect(await end(later)).toBe(false)
  expect(await end(banned)).toBe(false)
  expect(await shown(stuck)).toMatchObject({ status: 'connected', stoppedReason: null })
  expect(await shown(later)).toMatchObject({ status: 'restricted', stoppedReason: 'spam' })
  expect(await shown(banned)).toMatchObject({ status: 'blocked', stoppedReason: 'banned' })
  expect(nudged).toHaveLength(1)
  // It counts as said at its end: a ban of the time after it that arrives now is news, one from before is not.
  await hears(stuck, [news(20, { status: 'blocked', reason: 'banned before' })])
  expect(await shown(stuck)).toMatchObject({ status: 'connected' })
  await hears(stuck, [news(2, { status: 'blocked', reason: 'banned after' })])
  expect(await shown(stuck)).toMatchObject({ status: 'blocked', stoppedReason: 'banned after' })
})

test('[NEWS4] a pairing code reaches who manages channels and asks for it, and nobody else: no agent, no event, no snapshot', async () => {
  const id = await buildChannel(hub)
  const before = await readHead(hub.deps, hub.tenant.id)
  const qr = `data:image/png;base64,${'canary'.repeat(20)}`
  await expectReplayEqualsSnapshot(hub, () =>
    hears(id, [news(5, { status: 'connecting', health: { qr, pairingCode: 'CANARY12', qrAt: 'then' } })]),
  )
  expect((await shown(id)).health).toMatchObject({ qr, pairingCode: 'CANARY12' })
  const list = await rest.call<{ data: ChannelView[] }>('GET', '/api/v1/channels', {
    token: hub.token('admin'),
  })
  expect(list.body.data.find((channel) => channel.id === id)?.health).toMatchObject({ qr })
  for (const role of ['viewer', 'agent', 'manager'] as const) {
    const token = hub.token(role)
    for (const path of [`/api/v1/channels/${id}`, '/api/v1/channels', '/api/v1/sync']) {
      const answer = await rest.call('GET', path, { token })
      expect(answer.status).toBe(200)
      expect(answer.text.toLowerCase(), `${role} ${path}`).not.toContain('canary')
    }
  }
  const sync = await rest.call('GET', '/api/v1/sync', { token: hub.token('admin') })
  expect(sync.text.toLowerCase()).not.toContain('canary')
  expect(JSON.stringify(await eventsSince(before.seq)).toLowerCase()).not.toContain('canary')
  expect((await shown(id, 'agent')).health).toMatchObject({
    qr: '********',
    pairingCode: '********',
    qrAt: 'then',
  })

  await hears(id, [news(0, { status: 'connected', health: { qr: null, pairingCode: null } })])
  expect((await shown(id, 'agent')).health).toMatchObject({ qr: null, pairingCode: null })
})

test('[TEN4] news is of one tenant: a channel of another is not there, and neither is one that was removed', async () => {
  const foreign = await hub.addTenant()
  const id = await buildChannel(hub)
  const before = await shown(id)
  await hears(id, [news(5, { status: 'blocked', health: { quality: 'RED' } })], foreign.id)
  expect(await shown(id)).toEqual(before)
  await inTenant(hub.deps, hub.tenant.id, (tx) =>
    tx.query('update channels set deleted_at = now() where tenant_id = $1 and id = $2', [tx.tenantId, id]),
  )
  await hears(id, [news(5, { status: 'blocked', health: { quality: 'RED' } })])
  const [row] = await readTenant(hub.deps, hub.tenant.id, (query) =>
    query('select status, health from channels where id = $1', [id]),
  )
  expect(row).toEqual({ status: 'connected', health: {} })
})
