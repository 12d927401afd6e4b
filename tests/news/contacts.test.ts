import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ContactView } from '../../src/contract/records.ts'
import { contactsToldOf, recordContactNews } from '../../src/domain/contacts/record-contact-news.ts'
import { readEvents, readHead } from '../../src/log/read.ts'
import { readTenant } from '../../src/log/read-tenant.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import type { InboundContactUpdate, Person } from '../../src/providers/inbound.ts'
import { buildChannel, buildContact, buildConversation } from '../harness/crowd.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'

let hub: Hub
beforeAll(async () => {
  hub = await startHub()
})
afterAll(() => hub[Symbol.asyncDispose]())

const contactOf = ({ identities }: Person): number | undefined => {
  const id = Number(identities[0]?.value)
  return id > 0 ? id : undefined
}

function news(
  contactId: number,
  secondsAgo: number,
  name?: string,
  more: Partial<InboundContactUpdate> = {},
): InboundContactUpdate {
  const identities = [{ kind: 'wa_id' as const, value: String(contactId) }]
  const person = name === undefined ? { identities } : { identities, name }
  return { kind: 'contact', at: new Date(Date.now() - secondsAgo * 1000), person, ...more }
}

function hears(said: readonly InboundContactUpdate[], tenantId = hub.tenant.id) {
  return inTenant(hub.deps, tenantId, async (tx) =>
    recordContactNews(tx, said, contactOf, await contactsToldOf(tx, said, contactOf)),
  )
}

/** Somebody whom we know by nothing but an address. */
function stranger(more: Record<string, unknown> = {}): Promise<number> {
  return inTenant(hub.deps, hub.tenant.id, async (tx) => {
    const columns = ['tenant_id', ...Object.keys(more)]
    const [row] = await tx.query<{ id: number }>(
      `insert into contacts (${columns.join(', ')}) values (${columns.map((_, i) => `$${i + 1}`).join(', ')}) returning id`,
      [tx.tenantId, ...Object.values(more)],
    )
    return row?.id ?? 0
  })
}

async function held(id: number) {
  const [row] = await readTenant(hub.deps, hub.tenant.id, (query) =>
    query<{ first_name: string; profile_name: string | null; picture_url: string | null; version: number }>(
      'select first_name, profile_name, picture_url, version from contacts where id = $1',
      [id],
    ),
  )
  return row
}

async function announcedSince(seq: number): Promise<ContactView[]> {
  const page = await readEvents(hub.deps, hub.tenant.id, { epoch: 1, seq }, 1000)
  if (typeof page === 'string') throw new Error(page)
  return page.events
    .filter(({ type }) => type === 'contact.updated')
    .map(({ payload }) => (JSON.parse(payload) as { contact: ContactView }).contact)
}
const head = async () => (await readHead(hub.deps, hub.tenant.id)).seq

describe('[NEWS7] names', () => {
  test('a name is taken over once, and conversations show it by that one event', async () => {
    const id = await stranger()
    await buildConversation(hub, await buildChannel(hub), id)
    const before = await head()
    await expectReplayEqualsSnapshot(hub, () => hears([news(id, 20, 'Zoë'), news(id, 10, 'Zoë Müller')]))
    expect(await held(id)).toMatchObject({ first_name: 'Zoë Müller', profile_name: 'Zoë Müller', version: 2 })
    expect(await announcedSince(before)).toMatchObject([{ id, name: 'Zoë Müller', version: 2 }])
    const seq = await head()
    await hears([news(id, 5, 'Zoë Müller'), news(id, 15, 'Somebody earlier')])
    expect(await held(id)).toMatchObject({ profile_name: 'Zoë Müller', version: 2 })
    expect(await head()).toBe(seq)
  })

  test('a name that one of us wrote stays; what the network says is remembered beside it', async () => {
    const id = await stranger({ first_name: 'Dr. Sommer', profile_name: 'sommer', name_edited: true })
    const before = await head()
    await hears([news(id, 10, 'Summertime')])
    expect(await held(id)).toMatchObject({ first_name: 'Dr. Sommer', profile_name: 'Summertime', version: 1 })
    expect(await head()).toBe(before)
  })

  test('a name that came with an import stays as well', async () => {
    const id = await buildContact(hub, { firstName: 'Ada', lastName: 'Lovelace' })
    await hears([news(id, 10, 'adalo')])
    expect(await held(id)).toMatchObject({ first_name: 'Ada', profile_name: 'adalo', version: 1 })
  })

  test('an emptied name that somebody edited shows the network’s again', async () => {
    const id = await stranger({ name_edited: true })
    const before = await head()
    await hears([news(id, 10, 'Nina')])
    expect(await held(id)).toMatchObject({ first_name: '', profile_name: 'Nina', version: 2 })
    expect(await announcedSince(before)).toMatchObject([{ id, name: 'Nina' }])
  })

  test.each([
    ['+49 170 1234567', 'a telephone number'],
    ['   ', 'blanks'],
    ['🌸', 'a picture'],
  ])('%s does not take the place of a name (%s)', async (worse) => {
    const id = await stranger({ first_name: 'Mia', profile_name: 'Mia' })
    const before = await head()
    await hears([news(id, 10, worse)])
    expect(await held(id)).toMatchObject({ first_name: 'Mia', profile_name: 'Mia' })
    expect(await head()).toBe(before)
  })

  test('a picture is better than nothing, and a name better than a picture, also when it was said earlier', async () => {
    const id = await stranger()
    await hears([news(id, 10, '🌸')])
    expect(await held(id)).toMatchObject({ first_name: '🌸' })
    await hears([news(id, 20, 'Flora')])
    expect(await held(id)).toMatchObject({ first_name: 'Flora', profile_name: 'Flora' })
    await hears([news(id, 5, '🌷')])
    expect(await held(id)).toMatchObject({ first_name: 'Flora' })
  })

  test('a very long name is cut', async () => {
    const id = await stranger()
    await hears([news(id, 10, 'ä'.repeat(5000))])
    expect((await held(id))?.first_name).toBe('ä'.repeat(256))
  })
})

test('[NEWS7] a picture is kept, the newest one, and is no news to anybody', async () => {
  const id = await buildContact(hub)
  const before = await head()
  await hears([news(id, 10, undefined, { pictureUrl: 'https://pps.example/2' })])
  await hears([news(id, 20, undefined, { pictureUrl: 'https://pps.example/1' })])
  await hears([news(id, 1, undefined, { pictureUrl: `https://pps.example/${'x'.repeat(3000)}` })])
  expect(await held(id)).toMatchObject({ picture_url: 'https://pps.example/2', version: 1 })
  expect(await head()).toBe(before)
})

test('[NEWS7] who left the phone’s address book stays who they are', async () => {
  const id = await stranger()
  await hears([news(id, 20, 'Kim')])
  const before = await head()
  await hears([news(id, 10, undefined, { removed: true }), news(id, 5, 'Not Kim', { removed: true })])
  expect(await held(id)).toMatchObject({ first_name: 'Kim', version: 2 })
  expect(await head()).toBe(before)
})

test('[NEWS7] an address book of thousands is taken over in one go', async () => {
  const ids = await Promise.all(Array.from({ length: 20 }, () => stranger()))
  const before = await head()
  const book = Array.from({ length: 3000 }, (_, i) =>
    news(i < ids.length ? (ids[i] ?? 0) : 0, 10, `Person ${i}`),
  )
  await hears(book)
  expect(await announcedSince(before)).toHaveLength(ids.length)
})

test('[TEN4] people of another tenant keep their names', async () => {
  const foreign = await hub.addTenant()
  const id = await stranger({ first_name: 'Mine' })
  await hears([news(id, 10, 'Theirs')], foreign.id)
  expect(await held(id)).toMatchObject({ first_name: 'Mine', profile_name: null })
})
