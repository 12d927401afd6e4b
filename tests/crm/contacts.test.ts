import { describe, expect, test } from 'vitest'
import { addRecords, applyEvent } from '../../src/contract/apply-event.ts'
import { emptyState } from '../../src/contract/client-state.ts'
import type { AnyLogEvent } from '../../src/contract/events/catalogue.ts'
import { type ContactView, contactView } from '../../src/contract/records.ts'
import type { DuplicatesView } from '../../src/contract/rest/contacts.ts'
import { recordConsents } from '../../src/domain/contacts/record-consents.ts'
import { resolvePeople } from '../../src/domain/contacts/resolve-people.ts'
import { readHead } from '../../src/log/read.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import type { Identity } from '../../src/providers/inbound.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { buildConversation } from '../harness/crowd.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import { type Desk, openDesk } from './desk.ts'

interface ListOf<View> {
  data: View[]
  nextCursor: string | null
}

const make = (desk: Desk, body: object) => desk.make<ContactView>('contacts', body)
const read = async (desk: Desk, id: number) => (await desk.get<{ data: ContactView }>(`contacts/${id}`)).data
/** A change that every onlooker must be able to follow. */
const change = async (desk: Desk, method: string, path: string, body?: object) =>
  expectReplayEqualsSnapshot(desk.hub, () => desk.call<ContactView>(method, `contacts/${path}`, body), {
    api: desk.api,
  })

/** Somebody whom a network told us about. */
async function meet(hub: Hub, identities: Identity[], name = 'Net'): Promise<number> {
  const person = { identities, name }
  return inTenant(hub.deps, hub.tenant.id, async (tx) => {
    const contactOf = await resolvePeople(tx, [{ person, create: true }])
    return contactOf(person) ?? 0
  })
}

describe('contacts', () => {
  test('[PPL1] are kept like every record, with their number among their addresses', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const customer = await desk.make<{ id: number }>('customers', { name: 'Acme' })
    const made = await expectReplayEqualsSnapshot(hub, () =>
      make(desk, {
        firstName: 'Ana',
        lastName: 'Lima',
        phone: '+55 11 91234-5678',
        email: 'ana@example.com',
        language: 'pt-BR',
        timezone: 'America/Sao_Paulo',
        customerId: customer.id,
        identities: [{ kind: 'username', value: '@Ana.Lima' }],
      }),
    )
    contactView.parse(made)
    expect(made).toMatchObject({
      name: 'Ana Lima',
      phone: '+5511912345678',
      identities: [
        { kind: 'phone', value: '5511912345678' },
        { kind: 'username', value: 'ana.lima' },
      ],
    })
    const moved = await change(desk, 'PATCH', `${made.id}`, { phone: '+5511900000000', blocked: true })
    expect(moved.body.data).toMatchObject({
      phone: '+5511900000000',
      blocked: true,
      identities: [
        { kind: 'phone', value: '5511900000000' },
        { kind: 'username', value: 'ana.lima' },
      ],
    })
    const put = await change(desk, 'PUT', `${made.id}`, { firstName: 'Anna' })
    expect(put.body.data).toMatchObject({
      name: 'Anna',
      phone: '+5511900000000',
      blocked: false,
      customerId: null,
      identities: moved.body.data.identities,
    })
    const without = await change(desk, 'PUT', `${made.id}`, { firstName: 'Anna', phone: null })
    expect(without.body.data).toMatchObject({
      phone: null,
      identities: [{ kind: 'username', value: 'ana.lima' }],
    })
    await change(desk, 'DELETE', `${made.id}`)
    await change(desk, 'POST', `${made.id}/restore`)
    expect((await read(desk, made.id)).deletedAt).toBeNull()
    const faults = await desk.call('POST', 'contacts', {
      firstName: ' ',
      timezone: 'Mars/Base',
      language: '1',
      phone: 'x',
      identities: [{ kind: 'group', value: 'x' }],
    })
    expect(
      (faults.body as unknown as { errors: { pointer: string }[] }).errors
        .map(({ pointer }) => pointer)
        .toSorted(),
    ).toEqual(['/firstName', '/identities/0/kind', '/language', '/phone', '/timezone'])
  })

  test('[PPL1] a name that one of us wrote is not taken over from the network again', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const id = await meet(hub, [{ kind: 'wa_id', value: '4915112345' }], 'mimi')
    const edited = async () => {
      const [row] = await inTenant(hub.deps, hub.tenant.id, (tx) =>
        tx.query<{ name_edited: boolean }>('select name_edited from contacts where id = $1', [id]),
      )
      return row?.name_edited
    }
    await change(desk, 'PATCH', `${id}`, { title: 'CEO' })
    expect(await edited()).toBe(false)
    await change(desk, 'PATCH', `${id}`, { lastName: 'Meyer' })
    expect(await edited()).toBe(true)
  })

  test('[PPL2] an address belongs to one contact, as a phone and as a wa_id alike', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const met = await meet(hub, [{ kind: 'wa_id', value: '4915112345' }])
    expect(await desk.call('POST', 'contacts', { firstName: 'Two', phone: '+49 151 12345' })).toMatchObject({
      status: 409,
      body: { code: 'conflict', details: { contactId: met, deleted: false } },
    })
    const { id } = await make(desk, { firstName: 'Two' })
    const identities = (method: string, query: string, body?: object) =>
      desk.call<ContactView>(method, `contacts/${id}/identities${query}`, body)
    const add = (value: string) => identities('POST', '', { kind: 'phone', value })
    expect(await add('+49 151 12345')).toMatchObject({ status: 409 })
    const added = await expectReplayEqualsSnapshot(hub, () => add('+49 (171) 555-01'))
    expect(added.body.data).toMatchObject({ phone: '+4917155501', version: 2 })
    expect((await add('4917155501')).body.data.version).toBe(2)
    await expectReplayEqualsSnapshot(hub, () => add('4917155502'))
    const removed = await expectReplayEqualsSnapshot(hub, () =>
      identities('DELETE', '?kind=phone&value=%2B49 171 55501'),
    )
    expect(removed.body.data).toMatchObject({
      phone: '+4917155502',
      identities: [{ kind: 'phone', value: '4917155502' }],
    })
    expect((await identities('DELETE', '?kind=phone&value=4917155501')).status).toBe(404)
    const group = await meet(hub, [{ kind: 'group', value: '1203@g.us' }])
    expect(await desk.call('PATCH', `contacts/${group}`, { phone: '+4917155509' })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/phone' }] },
    })
    await desk.call('DELETE', `contacts/${met}`)
    expect(await add('+49 151 12345')).toMatchObject({
      status: 409,
      body: { details: { contactId: met, deleted: true } },
    })
  })

  test('[PPL2] people and networks that name the same number at once make one contact', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    for (let n = 0; n < 6; n++) {
      const value = `49151000${n}`
      const results = await Promise.allSettled([
        desk.call('POST', 'contacts', { firstName: 'Hand', phone: `+${value}` }),
        meet(hub, [{ kind: 'wa_id', value }]),
      ])
      expect(results.every(({ status }) => status === 'fulfilled')).toBe(true)
      const found = await desk.get<ListOf<ContactView>>(`contacts?q=${value}`)
      expect(found.data).toHaveLength(1)
    }
  })

  test('[PPL1] a number that people wrote from stays theirs when another is written', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const channel = await hub.addChannel({ provider: 'fake', settings: {}, secrets: {}, externalId: 'f1' })
    const { contactId } = await buildConversation(hub, channel.id)
    const before = await read(desk, contactId)
    const { body } = await change(desk, 'PATCH', `${contactId}`, { phone: '+4917155501' })
    expect(body.data.identities).toEqual(expect.arrayContaining(before.identities))
    expect(body.data.phone).toBe('+4917155501')
    const found = await desk.get<ListOf<ContactView>>(`contacts?channel=${channel.id}`)
    expect(found.data.map(({ id }) => id)).toEqual([contactId])
  })

  test('[PPL1] addresses that PUT leaves out stay; what it says of the number is what PATCH would do', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const [one, two] = [
      { kind: 'phone', value: '4917155501' },
      { kind: 'phone', value: '4917155502' },
    ]
    const phone = '+4917155502'
    const { id } = await make(desk, { firstName: 'Ana', phone, identities: [one, two] })
    const put = async (more: object) =>
      (await change(desk, 'PUT', `${id}`, { firstName: 'Ana', title: `${JSON.stringify(more)}`, ...more }))
        .body.data
    expect(await put({})).toMatchObject({ phone, identities: [one, two] })
    expect(await put({ identities: [one, two] })).toMatchObject({ phone, identities: [one, two] })
    const other = await make(desk, { firstName: 'Ben', phone: '+4917155512' })
    const patched = await change(desk, 'PATCH', `${other.id}`, { phone: null })
    expect(patched.body.data).toMatchObject({ phone: null, identities: [] })
    expect(await put({ phone: null })).toMatchObject({ phone: null, identities: [one] })
    expect(await put({ identities: [two] })).toMatchObject({ identities: [two] })
  })

  test("[PPL3] of a customer's people one comes first, also when two are put first at once", async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const customer = await desk.make<{ id: number }>('customers', { name: 'Acme' })
    const person = (firstName: string) => make(desk, { firstName, customerId: customer.id, isPrimary: true })
    const first = await person('One')
    const second = await expectReplayEqualsSnapshot(hub, () => person('Two'))
    const primaries = async () =>
      (await desk.get<ListOf<ContactView>>(`contacts?customerId=${customer.id}&isPrimary=true`)).data.map(
        ({ id }) => id,
      )
    expect(await primaries()).toEqual([second.id])
    await desk.call('DELETE', `contacts/${second.id}`)
    await change(desk, 'PATCH', `${first.id}`, { isPrimary: true })
    await change(desk, 'POST', `${second.id}/restore`)
    expect(await primaries()).toEqual([first.id])
    await Promise.all([person('Three'), person('Four'), person('Five')])
    expect(await primaries()).toHaveLength(1)
  })

  test('[PPL4] are found by names without accents, digits of numbers, customer and state', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const customer = await desk.make<{ id: number }>('customers', { name: 'Acme' })
    await make(desk, { firstName: 'Éloïse', lastName: 'Łódź', phone: '+4917155501' })
    await make(desk, { firstName: 'beta', customerId: customer.id, blocked: true })
    const found = async (query: string) =>
      (await desk.get<ListOf<ContactView>>(`contacts?${query}`)).data.map(({ firstName }) => firstName)
    for (const query of [
      'q=eloise%20lodz',
      'q=171-555',
      'blocked=false',
      'createdTo=2100-01-01T00:00:00Z&limit=1&sort=name&order=desc',
    ])
      expect(await found(query), query).toEqual(['Éloïse'])
    for (const query of [`customerId=${customer.id}`, 'blocked=true', 'sort=name&limit=1'])
      expect(await found(query), query).toEqual(['beta'])
    expect((await desk.call('GET', 'contacts?blocked=maybe')).status).toBe(400)
    expect((await desk.call('GET', 'contacts?createdFrom=0000-01-01T00:00:00Z')).status).toBe(400)
  })

  test('[PPL5] those that may be one person are shown together: by number, e-mail address, and name at one company', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const ids = async (...people: object[]) => {
      const made: number[] = []
      for (const person of people) made.push((await make(desk, { firstName: 'x', ...person })).id)
      return made
    }
    const company = async (body: object) => (await desk.make<{ id: number }>('customers', body)).id
    const acme = await company({ name: 'Acme' })
    const acmeToo = await company({ name: 'somebody', company: 'ACME' })
    const phones = await ids({ phone: '+5511912345678' }, { phone: '+551112345678' })
    const emails = await ids(
      { email: 'A@example.com' },
      { email: 'a@EXAMPLE.com' },
      { email: 'b@example.com' },
    )
    const names = await ids(
      { firstName: 'Zoë', lastName: 'Q', customerId: acme },
      { firstName: 'zoe q', customerId: acmeToo },
      { firstName: 'Zoe', lastName: 'Q' },
    )
    const gone = await ids({ email: 'a@example.com' })
    await desk.call('DELETE', `contacts/${gone[0]}`)
    const walked: [string, number[]][] = []
    for (let cursor = ''; ; ) {
      const page = await desk.get<ListOf<DuplicatesView>>(`contacts/duplicates?limit=1${cursor}`)
      walked.push(
        ...page.data.map(({ reason, contacts }): [string, number[]] => [
          reason,
          contacts.map(({ id }) => id),
        ]),
      )
      if (page.nextCursor === null) break
      cursor = `&cursor=${page.nextCursor}`
    }
    expect(walked).toEqual([
      ['phone', phones],
      ['email', emails.slice(0, 2)],
      ['name', names.slice(0, 2)],
    ])
    const byName = await desk.get<ListOf<DuplicatesView>>('contacts/duplicates?reason=name')
    expect(byName.data.map(({ key }) => key)).toEqual(['zoe q / acme'])
  })

  test('[PPL5] a number with the 0 that is dialled at home is the same number, save where it is part of it', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const withNumber = async (phone: string) => make(desk, { firstName: 'x', phone })
    const groups: number[][] = []
    for (const [one, other] of [
      ['+4917155501', '+49 0171 55501'],
      ['+919876543210', '+91 098765 43210'],
      ['+55 11 98765-4321', '+55 011 8765 4321'],
    ] as const)
      groups.push([(await withNumber(one)).id, (await withNumber(other)).id])
    for (const phone of ['+39 06 1234567', '+39 6 1234567', '+225 0712345678', '+225 712345678'])
      await withNumber(phone)
    const { data } = await desk.get<ListOf<DuplicatesView>>('contacts/duplicates?reason=phone')
    expect(data.map(({ contacts }) => contacts.map(({ id }) => id))).toEqual(expect.arrayContaining(groups))
    expect(data).toHaveLength(groups.length)
  })

  test('[PPL1] the (0) of a number is not dialled from abroad and not kept, save in Italy', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    for (const [written, kept] of [
      ['+49 (0)171 555-77', '+4917155577'],
      ['+91 (0) 98765 43211', '+919876543211'],
      ['+ 39 (0)6 1234567', '+39061234567'],
      ['+1 (212) 555 0123', '+12125550123'],
    ] as const) {
      const contact = await make(desk, { firstName: 'x', phone: written })
      expect(contact.phone).toBe(kept)
      expect(contact.identities).toEqual([{ kind: 'phone', value: kept.slice(1) }])
      expect(await desk.make('customers', { name: 'x', phone: written })).toMatchObject({ phone: kept })
      const identities = [{ kind: 'wa_id', value: written }]
      expect((await desk.call('PATCH', `contacts/${contact.id}`, { identities })).body.data).toMatchObject({
        identities: [{ kind: 'wa_id', value: kept.slice(1) }],
      })
    }
  })

  test('[SYN2] a list that was read before a word about marketing, and comes after it, does not undo it', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const { id } = await make(desk, { firstName: 'Ana' })
    const list = async () => (await desk.get<ListOf<ContactView>>('contacts')).data
    const stale = await list()
    const seq = (await readHead(hub.deps, hub.tenant.id)).seq
    const person = { identities: [] }
    await inTenant(hub.deps, hub.tenant.id, (tx) =>
      recordConsents(
        tx,
        [{ kind: 'consent', person, category: 'marketing', granted: false, at: new Date(), detail: null }],
        () => id,
      ),
    )
    const { data } = await desk.api.get<{ data: AnyLogEvent[] }>(desk.token, `/events?after=1:${seq}`)
    const blank = data.reduce(applyEvent, emptyState({ epoch: 1, seq }))
    expect(addRecords(blank, 'contacts', stale).records.contacts.size).toBe(0)
    const fresh = addRecords(blank, 'contacts', await list())
    expect(fresh.records.contacts.get(id)?.marketing).toBe('denied')
    const held = data.reduce(applyEvent, addRecords(emptyState({ epoch: 1, seq }), 'contacts', stale))
    expect(addRecords(held, 'contacts', stale).records.contacts.get(id)).toEqual((await list())[0])
  })

  test('[CRM6] viewers read and do not write; another tenant sees nothing of them', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const { id } = await make(desk, { firstName: 'Ana', phone: '+4917155501' })
    const viewer = await openDesk(hub, { role: 'viewer' }, desk.api)
    expect((await viewer.call('GET', `contacts/${id}`)).status).toBe(200)
    for (const [method, path, body] of [
      ['PATCH', '', { firstName: 'x' }],
      ['DELETE', '', undefined],
      ['POST', '/identities', { kind: 'phone', value: '491715551' }],
      ['DELETE', '/identities?kind=phone&value=4917155501', undefined],
    ] as const)
      expect((await viewer.call(method, `contacts/${id}${path}`, body)).status).toBe(403)
    const other = await hub.addTenant()
    const stranger = await openDesk(hub, { role: 'admin', tenant: other.slug }, desk.api)
    expect(await stranger.get('contacts')).toMatchObject({ data: [] })
    expect((await stranger.call('GET', `contacts/${id}`)).status).toBe(404)
    expect((await make(stranger, { firstName: 'Own', phone: '+4917155501' })).phone).toBe('+4917155501')
    expect(await stranger.get('contacts/duplicates')).toMatchObject({ data: [] })
  })
})
