import { describe, expect, test } from 'vitest'
import type { CustomerView } from '../../src/contract/crm/customer.ts'
import { mostFilterValues } from '../../src/contract/rest/several.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { buildChannel, buildConversation, customerWrites } from '../harness/crowd.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { startRestOf } from '../harness/rest-client.ts'
import { openBoard } from './board.ts'
import { type Desk, openDesk } from './desk.ts'

interface Page<View> {
  readonly data: View[]
  readonly nextCursor: string | null
}

const inQuery = (query: Readonly<Record<string, string>>) => new URLSearchParams(query).toString()

/** Ids that a list gives, in their order. */
async function idsIn(desk: Desk, path: string, query: Readonly<Record<string, string>>): Promise<number[]> {
  const page = await desk.get<Page<{ id: number }>>(`${path}?${inQuery({ ...query, limit: '200' })}`)
  return page.data.map(({ id }) => id)
}

/** Where the faults of a refused list are. */
async function faultsOf(
  desk: Desk,
  path: string,
  query: Readonly<Record<string, string>>,
): Promise<string[]> {
  const { status, body } = await desk.call('GET', `${path}?${inQuery(query)}`)
  expect(status).toBe(400)
  return (body as unknown as { errors: { pointer: string }[] }).errors.map(({ pointer }) => pointer)
}

describe('text in lists and search', () => {
  const person = { firstName: 'Ravi', lastName: 'Sharma', email: 'ravi@sharmaandsons.example' }

  test('[CRM10] words are found in any order, each wherever it stands, and all of them have to be there', async () => {
    await using hub = await startHub()
    const board = await openBoard(hub)
    const customer = await board.make<{ id: number }>('customers', {
      name: 'Ravi Śharma',
      company: 'Sons & Co',
    })
    await board.make('customers', { name: 'Ravi Kumar' })
    const contact = await board.make<{ id: number }>('contacts', person)
    await board.make('contacts', { firstName: 'Ravi', lastName: 'Kumar' })
    const deal = await board.deal('Ravi Sharma: roof')
    await board.deal('Ravi Kumar: roof')
    const activity = await board.make<{ id: number }>('activities', {
      type: 'call',
      subject: 'Call Ravi Sharma',
    })
    await board.make('activities', { type: 'call', subject: 'Call Ravi Kumar' })
    const note = await board.make<{ id: number }>('notes', {
      body: 'Ravi met Sharma',
      customerId: customer.id,
    })
    await board.make('notes', { body: 'Ravi met Kumar', customerId: customer.id })
    const all: Record<string, number> = {
      customers: customer.id,
      contacts: contact.id,
      deals: deal.id,
      activities: activity.id,
      notes: note.id,
    }
    for (const [path, id] of Object.entries(all)) {
      for (const q of ['Sharma Ravi', 'sharma, RAVI', 'ARMA rav', 'ŚHÁRMA  r ravi'])
        expect(await idsIn(board, path, { q }), `${path} ${q}`).toEqual([id])
      expect(await idsIn(board, path, { q: 'Sharma Ravi nobody' }), path).toEqual([])
      expect(await idsIn(board, path, { q: 'ravi' }), path).toHaveLength(2)
    }
    for (const kind of ['contacts', 'customers', 'deals']) {
      const { data } = await board.api.get<Page<{ id: number }>>(
        board.token,
        `/search?${inQuery({ kind, q: 'sharma ravi' })}`,
      )
      expect(
        data.map(({ id }) => id),
        kind,
      ).toEqual([all[kind]])
    }
    const conversation = await buildConversation(hub, await buildChannel(hub), contact.id)
    const talks = await board.api.get<Page<{ id: string }>>(board.token, '/conversations?q=sharma%20ravi')
    expect(talks.data.map(({ id }) => id)).toEqual([conversation.id])
  })

  test.each([
    { name: 'Иван Петров', asked: ['Иван', 'ПЕТРОВ иван', 'петр'] },
    { name: 'ΟΔΥΣΣΕΥΣ Ελύτης', asked: ['οδυσσευς', 'ΕΛΎΤΗΣ Οδυσσ'] },
    { name: 'रवि शर्मा', asked: ['शर्मा रवि'] },
    { name: 'ŞÜKRÜ Öztürk', asked: ['şükrü', 'OZTURK sukru'] },
  ])('[CRM10] $name is found in its own script, in small and capital letters', async ({ name, asked }) => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const customer = await customerOf(desk, name)
    const contact = (await desk.make<{ id: number }>('contacts', { firstName: name })).id
    const note = (await desk.make<{ id: number }>('notes', { body: name, customerId: customer })).id
    await customerOf(desk, 'somebody else')
    const { id } = await buildConversation(hub, await buildChannel(hub), contact)
    await customerWrites(hub, id, name)
    for (const q of asked) {
      expect(await idsIn(desk, 'customers', { q }), q).toEqual([customer])
      expect(await idsIn(desk, 'contacts', { q }), q).toEqual([contact])
      expect(await idsIn(desk, 'notes', { q }), q).toEqual([note])
    }
    const { data } = await desk.api.get<Page<{ message: { text: string } }>>(
      desk.token,
      `/search?${inQuery({ q: name.toUpperCase() })}`,
    )
    expect(data.map(({ message }) => message.text)).toEqual([name])
  })

  test('[CON15] a search among 10,000 matches of others is short and goes on behind them, to what the reader may see', async () => {
    await using hub = await startHub()
    const boss = await openBoard(hub, { role: 'manager' })
    const ana = await openBoard(hub, { sub: 'ana' }, boss.api)
    const me = (desk: Desk) => (desk.actor as { id: string }).id
    const hers = await boss.deal('oak door', { ownerId: me(ana) })
    await inTenant(hub.deps, hub.tenant.id, (tx) =>
      tx.query(
        `insert into deals (tenant_id, title, stage_id, owner_id, probability, position)
         select $1, 'oak door ' || n, $2, $3, 10, 'z' || lpad(n::text, 6, '0') from generate_series(1, 10000) n`,
        [tx.tenantId, boss.stages['New'], me(boss)],
      ),
    )
    const search = (desk: Desk, cursor = '') =>
      desk.api.get<Page<{ id: number }>>(desk.token, `/search?kind=deals&q=door%20oak&limit=2${cursor}`)
    expect((await search(boss)).data).toHaveLength(2)
    const first = await search(ana)
    expect(first).toMatchObject({ data: [], nextCursor: expect.any(String) })
    const second = await search(ana, `&cursor=${first.nextCursor}`)
    expect([second.data.map(({ id }) => id), second.nextCursor]).toEqual([[hers.id], null])
  })

  test('[CRM10] what is deleted is found among the deleted ones', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const [kept, gone] = [await customerOf(desk, 'Ravi Sharma'), await customerOf(desk, 'Ravi Sharma too')]
    await desk.call('DELETE', `customers/${gone}`)
    expect(await idsIn(desk, 'customers', { q: 'sharma' })).toEqual([kept])
    expect(await idsIn(desk, 'customers', { q: 'sharma', deleted: 'only' })).toEqual([gone])
    expect(await idsIn(desk, 'customers', { q: 'sharma', deleted: 'with' })).toEqual([gone, kept])
  })

  test.each([
    ['+919876543210', ['098765 43210', '098765', '0091 9876', '+91 (0)98765 43210', '98765-43210']],
    [
      '+4917155501',
      ['0171 555 01', '0171/555', '(0171) 55501', '0049 171 555', '+49 (0) 171 555', '+49 171 555'],
    ],
    ['+5511987654321', ['(011) 98765-4321', '011 9876', '00 55 11 98765', '55 11 98765-4321']],
    ['+12125550123', ['0 212 555 0123', '212-555-0123']],
  ])('[CRM11] %s is found as it is dialled at home and from abroad', async (phone, asked) => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const others = ['+4930017155', '+918888888888', '+14448765000']
    const ids: Record<string, number> = {}
    for (const [path, name] of [
      ['customers', 'name'],
      ['contacts', 'firstName'],
    ] as const) {
      ids[path] = (await desk.make<{ id: number }>(path, { [name]: 'x', phone })).id
      for (const other of others) await desk.make(path, { [name]: 'y', phone: other })
    }
    for (const q of asked)
      for (const path of ['customers', 'contacts']) {
        expect(await idsIn(desk, path, { q }), `${path} ${q}`).toEqual([ids[path]])
        const { data } = await desk.api.get<Page<{ id: number }>>(
          desk.token,
          `/search?${inQuery({ kind: path, q })}`,
        )
        expect(
          data.map(({ id }) => id),
          `search ${path} ${q}`,
        ).toEqual([ids[path]])
      }
    // Two zeros are no trunk prefix, and what follows a country code is not somewhere in the middle.
    const national = asked[0]?.replaceAll(/\D/g, '') ?? ''
    expect(await idsIn(desk, 'contacts', { q: `0${national}` })).toEqual([])
    expect(await idsIn(desk, 'contacts', { q: `0${national.slice(5)}` })).toEqual([])
  })

  test('[CRM14] a name and a number of one text are found together, in any order, the number in every way to write it', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const people = [
      { first: 'Ravi', last: 'Śharma', phone: '+919876543210' },
      { first: 'Ravi', last: 'Kumar', phone: '+918888812312' },
      { first: 'Asha', last: 'Śharma', phone: '+919876543211' },
    ]
    const ids: Record<string, number[]> = { customers: [], contacts: [] }
    for (const { first, last, phone } of people) {
      const customer = { name: `${first} ${last}`, phone }
      ids['customers']?.push((await desk.make<{ id: number }>('customers', customer)).id)
      const contact = { firstName: first, lastName: last, phone }
      ids['contacts']?.push((await desk.make<{ id: number }>('contacts', contact)).id)
    }
    const channel = await buildChannel(hub)
    const talks: string[] = []
    for (const id of ids['contacts'] ?? []) talks.push((await buildConversation(hub, channel, id)).id)
    const found = async (path: string, q: string) => {
      const { data } = await desk.api.get<Page<{ id: number }>>(
        desk.token,
        `/search?${inQuery({ kind: path, q })}`,
      )
      expect(
        data.map(({ id }) => id),
        `search ${path} ${q}`,
      ).toEqual(await idsIn(desk, path, { q }))
      return data.map(({ id }) => (ids[path] ?? []).indexOf(id))
    }
    const cases: Record<string, number[]> = {
      'Ravi 98765': [0],
      '98765 43210 ravi': [0],
      'sharma 098765 43210 RAVI': [0],
      'rávi, 0091 98765': [0],
      'ravi +91 (0)98765-43210': [0],
      'ravi 43210 98765': [0],
      '(098765) sharma': [2, 0],
      'af 98765': [],
      'av 098765': [0],
      'ravi 919': [0],
      'kumar 98765': [],
      'ravi 098765 99999': [],
      // Of two digits every other number has some: they are words.
      'ravi 12': [],
      'ravi 123': [1],
    }
    for (const [q, places] of Object.entries(cases)) {
      for (const path of ['customers', 'contacts']) {
        // In a text that has the number too there is no telling them apart.
        if (path === 'customers' && q === 'ravi 12') continue
        expect(await found(path, q), `${path} ${q}`).toEqual(places)
      }
      const { data } = await desk.api.get<Page<{ id: string }>>(
        desk.token,
        `/conversations?${inQuery({ q })}`,
      )
      expect(new Set(data.map(({ id }) => talks.indexOf(id))), q).toEqual(new Set(places))
    }
    const flat = await desk.make<{ id: number }>('contacts', { firstName: 'Flat 12 of 4711' })
    for (const q of ['flat 12', '12 flat 4711', 'flat 12 4711'])
      expect(await idsIn(desk, 'contacts', { q }), q).toEqual([flat.id])
    const shop = await desk.make<{ id: number }>('contacts', { firstName: 'x', phone: '+4917155501' })
    await desk.call('POST', `contacts/${shop.id}/identities`, { kind: 'username', value: 'pastryshop' })
    expect(await idsIn(desk, 'contacts', { q: '@pastry 0171 555' })).toEqual([shop.id])
  })

  test('[CRM14] [CON15] a search whose number very many have goes on behind those that it looked at, to the name', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const { id } = await desk.make<{ id: number }>('contacts', { firstName: 'Ravi', phone: '+4930098765' })
    await inTenant(hub.deps, hub.tenant.id, (tx) =>
      tx.query(
        `with made as (insert into contacts (tenant_id, first_name) select $1, 'Asha' from generate_series(1, 10000) returning id)
         insert into contact_identities (tenant_id, kind, value, contact_id) select $1, 'phone', '4998765' || id, id from made`,
        [tx.tenantId],
      ),
    )
    const search = (cursor = '') =>
      desk.api.get<Page<{ id: number }>>(desk.token, `/search?kind=contacts&q=ravi%2098765&limit=2${cursor}`)
    const first = await search()
    expect(first).toMatchObject({ data: [], nextCursor: expect.any(String) })
    const second = await search(`&cursor=${first.nextCursor}`)
    expect([second.data.map((contact) => contact.id), second.nextCursor]).toEqual([[id], null])
    // A list takes the name then, of which there are few.
    expect(await idsIn(desk, 'contacts', { q: 'ravi 98765' })).toEqual([id])
  })
})

const customerOf = async (desk: Desk, name: string, more: object = {}) =>
  (await desk.make<{ id: number }>('customers', { name, ...more })).id

describe('filters', () => {
  test('[CRM12] a filter takes several values, with commas or given several times; one of them has to fit', async () => {
    await using hub = await startHub()
    const boss = await openBoard(hub, { role: 'manager' })
    const [ana, ben] = [
      await openDesk(hub, { sub: 'ana' }, boss.api),
      await openDesk(hub, { sub: 'ben' }, boss.api),
    ]
    const me = (desk: Desk) => (desk.actor as { id: string }).id
    const tags: number[] = []
    for (const name of ['a', 'b', 'c']) tags.push((await boss.make<{ id: number }>('tags', { name })).id)
    const [a, b, c] = tags as [number, number, number]
    const lead = await customerOf(boss, 'lead', { tags: [a, b], ownerId: me(ana) })
    const active = await customerOf(boss, 'active', { status: 'active', tags: [b], ownerId: me(ben) })
    const none = await customerOf(boss, 'inactive', { status: 'inactive', tags: [c] })
    const customers = (query: Readonly<Record<string, string>>) => idsIn(boss, 'customers', query)
    expect(await customers({ status: 'lead,active' })).toEqual([active, lead])
    expect(await customers({ status: 'lead,lead' })).toEqual([lead])
    expect(await customers({ tag: `${a},${b}` })).toEqual([active, lead])
    expect(await customers({ tag: `${a},${c}` })).toEqual([none, lead])
    expect(await customers({ ownerId: `${me(ana)},none` })).toEqual([none, lead])
    expect(await customers({ ownerId: `${me(ana)},${me(ben)}`, status: 'active,inactive' })).toEqual([active])
    expect(await idsIn(ana, 'customers', { ownerId: 'me,none' })).toEqual([none, lead])
    const repeated = await boss.get<Page<CustomerView>>('customers?status=lead&status=inactive')
    expect(repeated.data.map(({ id }) => id)).toEqual([none, lead])

    const stage = (name: string) => boss.stages[name] ?? 0
    const card = async (name: string, more: object = {}) =>
      (await boss.deal(name, { stageId: stage(name), ...more })).id
    const [fresh, won, lost] = [
      await card('New', { ownerId: me(ana), customerId: lead }),
      await card('Won', { ownerId: me(ben), customerId: active }),
      await card('Lost', { customerId: none }),
    ]
    const deals = (query: Readonly<Record<string, string>>) => idsIn(boss, 'deals', query)
    expect(await deals({ stageId: `${stage('New')},${stage('Won')}` })).toEqual([won, fresh])
    expect(await deals({ kind: 'won,lost' })).toEqual([lost, won])
    expect(await deals({ customerId: `${lead},${none}` })).toEqual([lost, fresh])
    // Whose deals are not hers she does not see for asking for them beside her own.
    expect(await idsIn(ana, 'deals', { ownerId: `${me(ana)},${me(ben)}` })).toEqual([fresh])
    expect(await idsIn(ana, 'deals', { ownerId: `${me(ben)},${me(boss)}` })).toEqual([])
    expect(await idsIn(ana, 'deals', { ownerId: `${me(ben)},none` })).toEqual([lost])

    const task = async (more: object) =>
      (await boss.make<{ id: number }>('activities', { type: 'task', subject: 'x', ...more })).id
    const [urgent, call] = [await task({ priority: 'high' }), await task({ type: 'call', priority: 'low' })]
    await task({ type: 'email', priority: 'normal' })
    expect(await idsIn(boss, 'activities', { priority: 'high,low', type: 'task,call' })).toEqual([
      urgent,
      call,
    ])
    const note = async (desk: Desk, mentions: string[]) =>
      (await desk.make<{ id: number }>('notes', { body: 'x', customerId: lead, mentions })).id
    const [hers, his] = [await note(ana, [me(boss)]), await note(ben, [me(ana)])]
    expect(await idsIn(boss, 'notes', { authorId: `${me(ana)},${me(ben)}` })).toEqual([his, hers])
    expect(await idsIn(boss, 'notes', { mentions: `me,${me(ben)}` })).toEqual([hers])
    const view = { entity: 'customer', name: 'v', filters: { status: 'lead,active', tag: [`${a}`, `${b}`] } }
    expect(await boss.make('saved-views', view)).toMatchObject({ filters: view.filters })
  })

  test('[CRM12] a filter takes 50 values and not one more; a wrong one is named at its place', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const { id } = await desk.make<{ id: number }>('contacts', {
      firstName: 'x',
      customerId: await customerOf(desk, 'c'),
    })
    const many = (count: number) => Array.from({ length: count }, (_, at) => at + 1).join(',')
    expect(mostFilterValues).toBe(50)
    expect(await idsIn(desk, 'contacts', { customerId: many(50) })).toEqual([id])
    expect(await faultsOf(desk, 'contacts', { customerId: many(51) })).toEqual(['/customerId'])
    expect(await faultsOf(desk, 'customers', { status: 'lead,sold,' })).toEqual(['/status/1', '/status/2'])
    expect(await faultsOf(desk, 'customers', { status: 'sold' })).toEqual(['/status'])
    expect(await faultsOf(desk, 'customers', { tag: `1,0`, ownerId: 'me,you' })).toEqual([
      '/ownerId/1',
      '/tag/1',
    ])
  })
})

describe('a text that very many have', () => {
  /** Customers in one statement: everybody is "office", and the first ones are "oak office". */
  async function crowd(hub: Hub, count: number, oaks: number): Promise<void> {
    await inTenant(hub.deps, hub.tenant.id, (tx) =>
      tx.query(
        `insert into customers (tenant_id, name, created_at)
         select $1, case when n <= $3 then 'oak office ' else 'office ' end || n, now() - interval '1 day' + n * interval '1 second'
         from generate_series(1, $2) n`,
        [tx.tenantId, count, oaks],
      ),
    )
  }

  async function walk(desk: Desk, query: Readonly<Record<string, string>>): Promise<number[][]> {
    const pages: number[][] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const asked: string = inQuery({ ...query, ...(cursor !== '' && { cursor }) })
      const page: Page<{ id: number }> = await desk.get(`customers?${asked}`)
      pages.push(page.data.map(({ id }) => id))
      cursor = page.nextCursor
    }
    return pages
  }

  test('[CRM13] is looked for among LIST_WALK rows: a page that ends there is short, and the next one goes on behind it', async () => {
    await using hub = await startHub({ LIST_WALK: '100' })
    const desk = await openDesk(hub)
    await crowd(hub, 250, 3)
    // Two letters have no trigram, so nothing finds them but looking.
    const query = { q: 'oa', sort: 'createdAt', limit: '10' }
    const newest = await walk(desk, { ...query, order: 'desc' })
    expect(newest.map((ids) => ids.length)).toEqual([0, 0, 3])
    expect(newest.flat()).toEqual([3, 2, 1])
    expect(await walk(desk, { ...query, order: 'asc' })).toEqual([[1, 2, 3], [], []])
    expect(await walk(desk, { ...query, order: 'asc', limit: '2' })).toEqual([[1, 2], [3], [], []])
    expect((await walk(desk, { ...query, q: 'of', limit: '100' })).map((ids) => ids.length)).toEqual([
      100, 100, 50,
    ])
    // What the walk leaves out before it looks costs nothing of it.
    expect(await walk(desk, { ...query, createdTo: await bornAs(hub, 101) })).toEqual([[3, 2, 1]])
    expect(await walk(desk, { ...query, createdTo: await bornAs(hub, 102) })).toEqual([[3, 2], [1]])
  })

  async function bornAs(hub: Hub, id: number): Promise<string> {
    const [row] = await inTenant(hub.deps, hub.tenant.id, (tx) =>
      tx.query<{ created_at: string }>('select created_at from customers where tenant_id = $1 and id = $2', [
        tx.tenantId,
        id,
      ]),
    )
    return row?.created_at ?? ''
  }

  test('[CRM13] notes are looked through in the same way, as far as the reader may see them', async () => {
    await using hub = await startHub({ LIST_WALK: '50' })
    const boss = await openBoard(hub, { role: 'manager' })
    const ana = await openDesk(hub, { sub: 'ana' }, boss.api)
    const his = await boss.deal('his', { ownerId: (boss.actor as { id: string }).id })
    const customer = await customerOf(boss, 'c')
    await inTenant(hub.deps, hub.tenant.id, (tx) =>
      tx.query(
        `insert into notes (tenant_id, body, author_id, customer_id, deal_id, created_at)
         select $1, case when n % 40 = 1 then 'Oak and elm ' else 'elm ' end || n, 'system', case when n % 2 = 1 then $2::integer end,
           case when n % 2 = 0 then $3::integer end, now() + n * interval '1 second'
         from generate_series(1, 160) n`,
        [tx.tenantId, customer, his.id],
      ),
    )
    const pagesOf = async (desk: Desk) => {
      const pages: number[] = []
      for (let cursor: string | null = ''; cursor !== null; ) {
        const asked: string = inQuery({ q: 'elm OAK', ...(cursor !== '' && { cursor }) })
        const page: Page<{ id: number }> = await desk.get(`notes?${asked}`)
        pages.push(page.data.length)
        cursor = page.nextCursor
      }
      return pages
    }
    // 160 notes, of which every second is about a deal that is not for her eyes.
    expect(await pagesOf(boss)).toEqual([1, 1, 1, 1])
    expect(await pagesOf(ana)).toEqual([2, 2])
  })

  test('[CRM13] an export walks on to the end', async () => {
    await using hub = await startHub({ LIST_WALK: '600' })
    const rest = await startRestOf(hub)
    await crowd(hub, 2000, 700)
    const { text } = await rest.call('GET', '/admin/customers/export?q=oa', { token: hub.token('admin') })
    const lines = text.split('\r\n').filter((line) => line.includes('oak office'))
    expect(lines).toHaveLength(700)
  })
})
