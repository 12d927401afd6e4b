import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ConversationList } from '../../src/contract/rest/conversations.ts'
import type { MessageHit, MessagePage } from '../../src/contract/rest/messages.ts'
import { mostFilterValues } from '../../src/contract/rest/several.ts'
import { assignConversation } from '../../src/domain/conversations/assign-conversation.ts'
import { labelConversation } from '../../src/domain/conversations/label-conversation.ts'
import { setConversationStatus } from '../../src/domain/conversations/set-conversation-status.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { type Api, startApi } from '../harness/api.ts'
import {
  buildChannel,
  buildContact,
  buildConversation,
  buildTeam,
  customerWrites,
  type SignedIn,
} from '../harness/crowd.ts'
import { type Hub, startHub } from '../harness/hub.ts'

let hub: Hub
let api: Api
let channelId: string
let teamId: string
let [ana, ben, max] = [] as unknown as [SignedIn, SignedIn, SignedIn]
/** Oldest activity first. */
const ids: string[] = []

beforeAll(async () => {
  hub = await startHub()
  api = await startApi(hub)
  channelId = await buildChannel(hub)
  teamId = await buildTeam(hub, [await hub.signIn('agent', { sub: 'ana' })])
  ana = await hub.signIn('agent', { sub: 'ana' })
  ben = await hub.signIn('agent', { sub: 'ben' })
  max = await hub.signIn('manager', { sub: 'max' })
  for (let n = 0; n < 12; n++) {
    const contact = await buildContact(hub, {
      firstName: `Person ${n}`,
      lastName: n === 5 ? 'Łukasz Žižek' : 'Doe',
      phone: `4917100000${String(n).padStart(2, '0')}`,
    })
    const { id } = await buildConversation(hub, channelId, contact)
    // Three of one moment, so that only the id tells them apart.
    await customerWrites(
      hub,
      id,
      `Grüße number ${n}`,
      new Date(Date.UTC(2026, 0, 1, 0, 0, Math.floor(n / 3))),
    )
    ids.push(id)
  }
  const assign = (at: number, to: object) =>
    assignConversation(hub.deps, max.actor, { conversationId: ids[at] as string, ...to })
  for (const at of [0, 1, 2, 3, 4, 5]) await assign(at, { userId: ben.actor.id })
  await assign(5, { teamId })
  await assign(6, { teamId })
  await assign(7, { userId: ana.actor.id })
  await setConversationStatus(hub.deps, max.actor, { conversationId: ids[8] as string, status: 'resolved' })
  await setConversationStatus(hub.deps, max.actor, { conversationId: ids[9] as string, status: 'pending' })
  await labelConversation(hub.deps, max.actor, { conversationId: ids[10] as string, add: ['vip'] })
})
afterAll(() => hub[Symbol.asyncDispose]())

const places = (list: { data: { id: string }[] }) =>
  list.data.map(({ id }) => ids.indexOf(id)).sort((a, b) => a - b)
const list = (who: SignedIn, query = '') => api.get<ConversationList>(who.token, `/conversations?${query}`)

describe('lists of conversations', () => {
  test('[CON12] pages are full, in order, without hole or repeat, and hold what the reader may see', async () => {
    for (const [who, seen] of [
      [max, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
      [ana, [5, 6, 7, 8, 9, 10, 11]],
      [ben, [0, 1, 2, 3, 4, 5, 8, 9, 10, 11]],
    ] as const) {
      const found: ConversationList['data'] = []
      let cursor = ''
      for (let more = true; more; ) {
        const page = await list(who, `limit=2${cursor}`)
        found.push(...page.data)
        if (page.nextCursor !== null) expect(page.data).toHaveLength(2)
        cursor = `&cursor=${page.nextCursor}`
        more = page.nextCursor !== null
      }
      expect(places({ data: found })).toEqual(seen)
      const order = found.map(({ lastActivityAt, id }) => `${lastActivityAt} ${id}`)
      expect(order).toEqual([...order].sort().reverse())
    }
  })

  test('[CON12] filters', async () => {
    expect(places(await list(ana, 'assignee=me'))).toEqual([7])
    expect(places(await list(max, 'assignee=none'))).toEqual([6, 8, 9, 10, 11])
    expect(places(await list(max, `assignee=${ben.actor.id}&team=none`))).toEqual([0, 1, 2, 3, 4])
    expect(places(await list(ana, `assignee=${ben.actor.id}`))).toEqual([5])
    expect(places(await list(max, `team=${teamId}`))).toEqual([5, 6])
    expect(places(await list(max, 'status=resolved,pending'))).toEqual([8, 9])
    expect(places(await list(max, 'label=vip'))).toEqual([10])
    expect(places(await list(max, `channel=${channelId}&status=open&assignee=me`))).toEqual([])
  })

  test('[CRM12] a filter takes several values, with commas or given several times; one of them has to fit', async () => {
    const [his, hers] = [ben.actor.id, ana.actor.id]
    const found = async (query: string, who = max) => places(await list(who, query))
    expect(await found(`assignee=${his},${hers}`)).toEqual([0, 1, 2, 3, 4, 5, 7])
    expect(await found(`assignee=${hers}&assignee=none`)).toEqual([6, 7, 8, 9, 10, 11])
    expect(await found('assignee=me,none', ana)).toEqual([6, 7, 8, 9, 10, 11])
    expect(await found(`assignee=${his},none`, ana)).toEqual([5, 6, 8, 9, 10, 11])
    const other = uuidv7()
    expect(await found(`team=${teamId},${other}`)).toEqual([5, 6])
    expect(await found(`team=none,${teamId}`)).toHaveLength(12)
    expect(await found(`channel=${other},${channelId}`)).toHaveLength(12)
    expect(await found(`channel=${other}`)).toEqual([])
    expect(await found('status=resolved&status=pending')).toEqual([8, 9])
    expect(await found('label=vip,nobody')).toEqual([10])
    expect(await found(`label=vip&assignee=${his},none`)).toEqual([10])
    expect(await found(`label=vip&assignee=${his},${hers}`)).toEqual([])
    // A label may have commas of its own.
    const id = ids[9] ?? ''
    await labelConversation(hub.deps, max.actor, { conversationId: id, add: ['red, not blue'] })
    expect(await found('label=red,%20not%20blue')).toEqual([9])
    expect(await found('label=vip&label=red,%20not%20blue')).toEqual([10])
    await labelConversation(hub.deps, max.actor, { conversationId: id, remove: ['red, not blue'] })
  })

  test('[CRM12] a filter takes 50 values and not one more; a wrong one is named at its place', async () => {
    const faults = async (query: string) => {
      const { status, body } = await api.call(max.token, 'GET', `/conversations?${query}`)
      expect(status, query).toBe(400)
      return (body as unknown as { errors: { pointer: string }[] }).errors.map(({ pointer }) => pointer)
    }
    const many = (count: number) => Array.from({ length: count }, () => uuidv7()).join(',')
    for (const name of ['assignee', 'team', 'channel', 'label']) {
      expect((await list(max, `${name}=${many(mostFilterValues)}`)).data, name).toEqual([])
      expect(await faults(`${name}=${many(mostFilterValues + 1)}`)).toEqual([`/${name}`])
    }
    expect(await faults('status=open,new')).toEqual(['/status/1'])
    expect(await faults(`assignee=${ben.actor.id},you`)).toEqual(['/assignee/1'])
    expect(await faults('team=me')).toEqual(['/team'])
    expect(await faults('channel=none')).toEqual(['/channel'])
    expect(await faults('label=vip,')).toEqual(['/label/1'])
  })

  test('[CON13] people are found by name, whatever the accents, by phone however it is written, and by number', async () => {
    expect(places(await list(max, 'q=lukasz%20zizek'))).toEqual([5])
    expect(places(await list(max, 'q=%C5%81UKASZ'))).toEqual([5])
    expect(places(await list(ana, 'q=%2B49%20(171)%20000-0011'))).toEqual([11])
    expect(places(await list(ana, 'q=person%203'))).toEqual([])
    const { number } = (await list(max, 'q=person%203')).data[0] as { number: number }
    expect(places(await list(max, `q=%23${number}`))).toEqual([3])
    expect(places(await list(max, 'q=100%25'))).toEqual([])
  })

  test('what a list does not know, or gave to another list, is refused', async () => {
    const { nextCursor } = await list(max, 'limit=1')
    const refused = [
      'status=new',
      'limit=0',
      `limit=${hub.config.LIST_LIMIT + 1}`,
      'cursor=x',
      'q=%00a',
      'sort=x',
    ]
    for (const query of refused)
      expect(await api.call(max.token, 'GET', `/conversations?${query}`)).toMatchObject({
        status: 400,
        body: { code: 'validation_failed' },
      })
    expect((await api.call(max.token, 'GET', `/search?q=person&cursor=${nextCursor}`)).status).toBe(400)
    expect((await list(max, `limit=${hub.config.LIST_LIMIT}`)).data).toHaveLength(12)
  })
})

describe('messages of a conversation', () => {
  test('[CON14] the newest page first, then back and forth, in the order of the network', async () => {
    const { id } = await buildConversation(hub, channelId)
    const minutes = [3, 1, 2, 2, 5, 4]
    for (const minute of minutes)
      await customerWrites(hub, id, `${minute}`, new Date(Date.UTC(2026, 0, 2, 0, minute)))
    const page = (query = '') =>
      api.get<MessagePage>(max.token, `/conversations/${id}/messages?limit=2${query}`)
    const texts = ({ data }: MessagePage) => data.map((message) => `${message.text}/${message.seq}`)
    const newest = await page()
    expect([texts(newest), newest.nextCursor]).toEqual([['4/6', '5/5'], null])
    const middle = await page(`&before=${newest.previousCursor}`)
    expect(texts(middle)).toEqual(['2/4', '3/1'])
    const oldest = await page(`&before=${middle.previousCursor}`)
    expect([texts(oldest), oldest.previousCursor]).toEqual([['1/2', '2/3'], null])
    expect(texts(await page(`&after=${oldest.nextCursor}`))).toEqual(['2/4', '3/1'])
    const end = await page(`&after=${middle.nextCursor}`)
    expect([texts(end), end.nextCursor]).toEqual([['4/6', '5/5'], null])
    const both = `/conversations/${id}/messages?before=${newest.previousCursor}&after=${newest.previousCursor}`
    expect((await api.call(max.token, 'GET', both)).status).toBe(400)
  })

  test('[CON14] nobody reads the messages or notes of what they may not see', async () => {
    for (const part of ['', '/messages', '/notes']) {
      expect((await api.call(ana.token, 'GET', `/conversations/${ids[0]}${part}`)).status).toBe(404)
      expect((await api.call(ben.token, 'GET', `/conversations/${ids[0]}${part}`)).status).toBe(200)
    }
  })
})

describe('search', () => {
  const search = <Hit>(who: SignedIn, query: string) =>
    api.get<{ data: Hit[]; nextCursor: string | null }>(who.token, `/search?${query}`)
  const found = async (who: SignedIn, query: string) => {
    const hits = await search<MessageHit>(who, query)
    return hits.data.map(({ conversation }) => ids.indexOf(conversation.id))
  }

  test('[CON15] messages are found by the beginnings of words, newest first, as far as the reader may see', async () => {
    expect(await found(max, 'q=gru%C3%9F%20NUMB')).toHaveLength(12)
    expect((await found(ana, 'q=gr%C3%BC%C3%9Fe')).sort((a, b) => a - b)).toEqual([5, 6, 7, 8, 9, 10, 11])
    expect(await found(max, 'q=number%203')).toEqual([3])
    expect(await found(max, 'q=umber')).toEqual([])
    expect(await found(max, `q=${encodeURIComponent(`it's & (a|b) :* \\ !!`)}`)).toEqual([])
    const first = await search<MessageHit>(ana, 'q=number&limit=4')
    const second = await search<MessageHit>(ana, `q=number&limit=4&cursor=${first.nextCursor}`)
    const hits = [...first.data, ...second.data].map(({ message }) => message.id)
    expect([new Set(hits).size, second.nextCursor]).toEqual([7, null])
  })

  test('[CON15] contacts, customers and deals have a search of their own', async () => {
    await inTenant(hub.deps, hub.tenant.id, async (tx) => {
      await tx.query(`insert into customers (tenant_id, name, company) values ($1, 'Ørsted', 'Wind & Søn')`, [
        tx.tenantId,
      ])
      const [stage] = await tx.query<{ id: number }>(
        'select id from pipeline_stages where tenant_id = $1 order by position limit 1',
        [tx.tenantId],
      )
      await tx.query(
        `insert into deals (tenant_id, title, stage_id, probability, position) values ($1, 'Zwei Türen', $2, 10, 'a0')`,
        [tx.tenantId, stage?.id],
      )
    })
    const names = async (query: string) =>
      (await search<{ name?: string; title?: string }>(ana, query)).data.map((hit) => hit.name ?? hit.title)
    expect(await names('kind=contacts&q=zizek')).toEqual(['Person 5 Łukasz Žižek'])
    expect(await names('kind=customers&q=orsted')).toEqual(['Ørsted'])
    expect(await names('kind=deals&q=TUREN')).toEqual(['Zwei Türen'])
    const other = await hub.addTenant()
    const stranger = await hub.signIn('admin', { tenant: other.slug })
    for (const kind of ['messages', 'contacts', 'customers', 'deals'])
      expect((await search(stranger, `kind=${kind}&q=person`)).data).toEqual([])
  })

  test('[CON15] a page that rights left short goes on behind what was looked at', async () => {
    const { id } = await buildConversation(hub, channelId)
    await customerWrites(hub, id, 'needle', new Date(Date.UTC(2025, 0, 1)))
    await inTenant(hub.deps, hub.tenant.id, (tx) =>
      tx.query(
        `insert into messages (tenant_id, id, conversation_id, channel_id, seq, direction, author_kind, type, text, status, sent_at)
         select $1, gen_random_uuid(), $2, $3, 100 + n, 'in', 'contact', 'text', 'needle', 'received', now() from generate_series(1, 2000) n`,
        [tx.tenantId, ids[0], channelId],
      ),
    )
    const first = await search<MessageHit>(ana, 'q=needle')
    expect(first.data).toEqual([])
    const second = await search<MessageHit>(ana, `q=needle&cursor=${first.nextCursor}`)
    expect([second.data.map(({ conversation }) => conversation.id), second.nextCursor]).toEqual([[id], null])
  })
})
