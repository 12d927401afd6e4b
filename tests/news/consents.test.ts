import { afterAll, beforeAll, expect, test } from 'vitest'
import { recordConsents } from '../../src/domain/contacts/record-consents.ts'
import { readEvents, readHead } from '../../src/log/read.ts'
import { readTenant } from '../../src/log/read-tenant.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import type { InboundConsent, Person } from '../../src/providers/inbound.ts'
import { buildChannel, buildContact, buildConversation } from '../harness/crowd.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'

let hub: Hub
beforeAll(async () => {
  hub = await startHub()
})
afterAll(() => hub[Symbol.asyncDispose]())

/** Whoever the resolver of the ingest worker would name; here the address is the contact's id. */
const contactOf = ({ identities }: Person): number | undefined => {
  const id = Number(identities[0]?.value)
  return id > 0 ? id : undefined
}

function consent(
  contactId: number,
  secondsAgo: number,
  granted: boolean,
  detail: string | null = null,
): InboundConsent {
  return {
    kind: 'consent',
    at: new Date(Math.floor(Date.now() / 1000 - secondsAgo) * 1000),
    person: { identities: [{ kind: 'wa_id', value: String(contactId) }] },
    category: 'marketing',
    granted,
    detail,
  }
}

function hears(consents: readonly InboundConsent[], tenantId = hub.tenant.id) {
  return inTenant(hub.deps, tenantId, (tx) => recordConsents(tx, consents, contactOf))
}

async function state(contactId: number) {
  return readTenant(hub.deps, hub.tenant.id, async (query) => {
    const [contact] = await query<{ marketing: string | null; marketing_at: string | null; version: number }>(
      'select marketing, marketing_at, version from contacts where id = $1',
      [contactId],
    )
    const ledger = await query<{ granted: boolean; source: string; detail: string | null }>(
      'select granted, source, detail from consents where contact_id = $1 order by occurred_at, granted',
      [contactId],
    )
    return { ...contact, ledger }
  })
}

async function announcedSince(seq: number) {
  const page = await readEvents(hub.deps, hub.tenant.id, { epoch: 1, seq }, 1000)
  if (typeof page === 'string') throw new Error(page)
  return page.events
    .filter(({ type }) => type === 'consent.changed')
    .map(({ payload }) => JSON.parse(payload) as { contactId: number; granted: boolean })
}
const head = async () => (await readHead(hub.deps, hub.tenant.id)).seq

test('[NEWS6] a "stop" is in the ledger, counts at once, and is announced once however often it is told', async () => {
  const { contactId } = await buildConversation(hub, await buildChannel(hub))
  const stop = consent(contactId, 10, false, 'User requested to stop')
  const before = await head()
  await expectReplayEqualsSnapshot(hub, () => hears([stop, stop]))
  await hears([stop])
  expect(await state(contactId)).toEqual({
    marketing: 'denied',
    marketing_at: stop.at.toISOString(),
    version: 2,
    ledger: [{ granted: false, source: 'network', detail: 'User requested to stop' }],
  })
  expect(await announcedSince(before)).toEqual([
    {
      contactId,
      category: 'marketing',
      granted: false,
      source: 'network',
      at: stop.at.toISOString(),
      version: 2,
    },
  ])
})

test('[NEWS6] every order of the same words ends with the newest, and the ledger has them all', async () => {
  const words = [
    { secondsAgo: 50, granted: true },
    { secondsAgo: 40, granted: false },
    { secondsAgo: 30, granted: true },
    { secondsAgo: 20, granted: false },
  ]
  const orders = [
    [0, 1, 2, 3],
    [3, 2, 1, 0],
    [2, 0, 3, 1],
    [1, 3, 0, 2],
  ]
  for (const order of orders) {
    for (const atOnce of [true, false]) {
      const contactId = await buildContact(hub)
      const said = order.map((place) =>
        consent(contactId, words[place]?.secondsAgo ?? 0, words[place]?.granted ?? true),
      )
      if (atOnce) await hears(said)
      else for (const one of said) await hears([one])
      const after = await state(contactId)
      expect(after.marketing).toBe('denied')
      expect(after.ledger.map(({ granted }) => granted)).toEqual([true, false, true, false])
    }
  }
})

test('[NEWS6] a late word goes into the ledger and is not announced, because it does not count', async () => {
  const contactId = await buildContact(hub)
  await hears([consent(contactId, 10, false)])
  const before = await head()
  await hears([consent(contactId, 60, true)])
  expect(await state(contactId)).toMatchObject({
    marketing: 'denied',
    ledger: [{ granted: true }, { granted: false }],
  })
  expect(await announcedSince(before)).toEqual([])
  await hears([consent(contactId, 5, true)])
  expect(await announcedSince(before)).toMatchObject([{ contactId, granted: true }])
  expect(await state(contactId)).toMatchObject({ marketing: 'granted' })
})

test('[NEWS6] of two words of the same moment the "no" counts, whichever comes first', async () => {
  for (const first of [true, false]) {
    const contactId = await buildContact(hub)
    await hears([consent(contactId, 10, first)])
    await hears([consent(contactId, 10, !first)])
    expect(await state(contactId)).toMatchObject({ marketing: 'denied' })
  }
})

test('[NEWS6] a "yes" from the future does not outlast the next "no"', async () => {
  const contactId = await buildContact(hub)
  await hears([consent(contactId, -1_000_000, true)])
  expect(await state(contactId)).toMatchObject({ marketing: 'granted' })
  await hears([{ ...consent(contactId, 0, false), at: new Date(Date.now() + 5) }])
  expect(await state(contactId)).toMatchObject({ marketing: 'denied' })
})

test('[NEWS6] the ledger takes new rows only', async () => {
  const contactId = await buildContact(hub)
  await hears([consent(contactId, 10, false)])
  for (const sql of ['update consents set granted = true', 'delete from consents'])
    await expect(inTenant(hub.deps, hub.tenant.id, (tx) => tx.query(sql))).rejects.toThrow(
      /permission denied/,
    )
})

test('[TEN4] words about somebody nobody knows, or about people of another tenant, are left out', async () => {
  const foreign = await hub.addTenant()
  const contactId = await buildContact(hub)
  await hears([consent(0, 10, false)])
  await hears([consent(contactId, 10, false)], foreign.id)
  expect(await state(contactId)).toMatchObject({ marketing: null, ledger: [] })
})

test('[NEWS6] workers that hear of the same people at once neither lose a word nor lock each other out', async () => {
  const people = await Promise.all(Array.from({ length: 6 }, () => buildContact(hub)))
  await Promise.all(
    Array.from({ length: 12 }, (_, i) =>
      hears((i % 2 === 0 ? people : people.toReversed()).map((id) => consent(id, 100 - i, i % 3 === 0))),
    ),
  )
  for (const id of people) {
    const after = await state(id)
    expect(after.ledger).toHaveLength(12)
    // The newest is number 11, a "no".
    expect(after.marketing).toBe('denied')
  }
})
