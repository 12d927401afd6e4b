import { expect, test } from 'vitest'
import { changeIdentities } from '../../src/domain/contacts/change-identities.ts'
import { contactKind } from '../../src/domain/contacts/contact-kind.ts'
import { learnIdentities } from '../../src/domain/contacts/learn-identities.ts'
import { mergeContact } from '../../src/domain/contacts/merge-contact.ts'
import { holdNewContacts, resolvePeople } from '../../src/domain/contacts/resolve-people.ts'
import { lockContacts } from '../../src/domain/conversations/open-conversation.ts'
import { createRecord, updateRecord } from '../../src/domain/records/write-record.ts'
import { inTenant, type TenantTx } from '../../src/log/tenant-tx.ts'
import type { Identity } from '../../src/providers/inbound.ts'
import { asSuperuser } from '../cli/cli.ts'
import { buildChannel, buildConversation } from '../harness/crowd.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { openDesk } from '../crm/desk.ts'
import { seededRandom, stormSeed } from '../harness/random.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'

const wa = (value: string): Identity => ({ kind: 'wa_id', value })
const hidden = (value: string): Identity => ({ kind: 'bsuid', value })

/** A transaction of the hub's tenant; `codes` takes what the database says against it, also where it is tried again. */
function act<T>(hub: Hub, codes: string[], work: (tx: TenantTx) => Promise<T>): Promise<T> {
  return inTenant(hub.deps, hub.tenant.id, async (tx) => {
    try {
      return await work(tx)
    } catch (error) {
      codes.push(String((error as { code?: unknown }).code))
      throw error
    }
  })
}

const rows = <Row extends object>(hub: Hub, sql: string, values: readonly unknown[] = []) =>
  inTenant(hub.deps, hub.tenant.id, (tx) => tx.query<Row>(sql, values))

const ownerOf = async (hub: Hub, value: string) =>
  (
    await rows<{ id: number }>(hub, 'select contact_id as id from contact_identities where value = $1', [
      value,
    ])
  )[0]?.id

/** Settles when so many wait for a lock. */
const waiting = (hub: Hub, count: number) =>
  eventually(async () => {
    const found = await asSuperuser(hub, (query) =>
      query(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        [],
      ),
    )
    expect(found.rows).toHaveLength(count)
  })

/** Somebody that the network knows by these addresses. */
async function known(hub: Hub, ...identities: Identity[]): Promise<number> {
  const person = { identities }
  const found = await act(hub, [], async (tx) =>
    (await resolvePeople(tx, [{ person, create: true }]))(person),
  )
  return found ?? 0
}

test('[PPL2] an address that is learnt while its contact goes into another one belongs to the one that goes on', async () => {
  await using hub = await startHub()
  const desk = await openDesk(hub)
  const [one, other] = [await known(hub, wa('4917155501')), await known(hub, wa('4917155502'))]
  const { id } = await buildConversation(hub, await buildChannel(hub), other)
  const [begun, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const merging = act(hub, [], async (tx) => {
    await mergeContact(tx, { actor: desk.actor }, { id: one, otherId: other })
    begun.resolve()
    await gate.promise
  })
  await begun.promise
  const learning = act(hub, [], (tx) => learnIdentities(tx, id, [hidden('US.1')]))
  await waiting(hub, 1)
  gate.resolve()
  await Promise.all([merging, learning])
  expect(await ownerOf(hub, 'US.1')).toBe(one)
})

test('[PPL2] who changes a number by hand waits for who finds out that two are one, and neither is thrown out', async () => {
  await using hub = await startHub()
  const desk = await openDesk(hub)
  const id = await known(hub, wa('4917155501'))
  const by = { actor: desk.actor }
  const customer = await desk.make<{ id: number }>('customers', { name: 'Acme' })
  await desk.call('PATCH', `contacts/${id}`, { customerId: customer.id, isPrimary: true })
  for (const write of [
    (tx: TenantTx) => updateRecord(tx, contactKind, by, id, { phone: '+4917155503' }, null),
    (tx: TenantTx) =>
      createRecord(
        tx,
        contactKind,
        by,
        contactKind.whole.parse({
          firstName: 'Bo',
          phone: '+4917155504',
          customerId: customer.id,
          isPrimary: true,
        }),
      ),
  ]) {
    const codes: string[] = []
    const [begun, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const finding = act(hub, codes, async (tx) => {
      await holdNewContacts(tx)
      begun.resolve()
      await gate.promise
      await lockContacts(tx, [id])
    })
    await begun.promise
    const writing = act(hub, codes, write)
    await waiting(hub, 1)
    gate.resolve()
    await Promise.all([finding, writing])
    expect(codes).toEqual([])
  }
})

test('[PPL2] [IN8] networks and people take addresses of the same contacts at once: each has one owner, none is left at who is gone, nobody is thrown out', async () => {
  await using hub = await startHub()
  const desk = await openDesk(hub)
  const channel = await buildChannel(hub)
  const random = seededRandom(stormSeed('addresses'))
  const pick = <Item>(items: readonly Item[]) => items[Math.floor(random() * items.length)] as Item
  const numbers = Array.from({ length: 6 }, (_, at) => `491715550${at}`)
  const codes: string[] = []
  const statuses = new Set<number>()
  const people: { id: number; conversationId: string }[] = []
  for (const number of numbers) {
    const id = await known(hub, wa(number), hidden(`US.${number}`))
    people.push({ id, conversationId: (await buildConversation(hub, channel, id)).id })
    // What people tended is never thrown together by a machine: its addresses are taken.
    if (random() < 0.5) await desk.call('PATCH', `contacts/${id}`, { firstName: `Tended ${number}` })
  }
  const rest = async (method: string, path: string, body?: unknown) =>
    statuses.add((await desk.call(method, path, body)).status)
  const acts = [
    () => {
      const person = { identities: [wa(pick(numbers)), hidden(`US.${pick(numbers)}`)] }
      return act(hub, codes, (tx) => resolvePeople(tx, [{ person, create: true }]))
    },
    () => {
      const [number, next] = [pick(numbers), pick(numbers)]
      const person = { identities: [hidden(`US.${number}`)] }
      return act(hub, codes, (tx) =>
        changeIdentities(tx, {
          kind: 'identity',
          at: new Date(),
          person,
          join: [wa(next)],
          leave: next === number ? [] : [wa(number)],
          text: 'changed the number',
          opensWindow: false,
          providerMessageId: `changed-${random()}`,
        } as never),
      )
    },
    () =>
      act(hub, codes, (tx) =>
        learnIdentities(tx, pick(people).conversationId, [hidden(`US.x${pick(numbers)}`)]),
      ),
    () => rest('PATCH', `contacts/${pick(people).id}`, { phone: `+${pick(numbers)}` }),
    () =>
      rest('POST', `contacts/${pick(people).id}/identities`, { kind: 'bsuid', value: `US.${pick(numbers)}` }),
    () => rest('POST', `contacts/${pick(people).id}/merge`, { otherId: pick(people).id }),
  ]
  await expectReplayEqualsSnapshot(
    hub,
    async () => {
      for (let round = 0; round < 30; round++)
        await Promise.all(Array.from({ length: 6 }, () => pick(acts)()))
    },
    { api: desk.api },
  )
  expect(codes.filter((code) => code === '40P01')).toEqual([])
  expect([...statuses].filter((status) => status >= 500)).toEqual([])
  const left = await rows(
    hub,
    `select i.kind, i.value, i.contact_id from contact_identities i join contact_merges m
       on m.other_id = i.contact_id and m.undone_at is null`,
  )
  expect(left).toEqual([])
  const twice = await rows(
    hub,
    `select value from contact_identities where kind in ('phone', 'wa_id') group by value having min(contact_id) <> max(contact_id)`,
  )
  expect(twice).toEqual([])
  const strangers = await rows(
    hub,
    `select c.id, c.phone from contacts c where c.deleted_at is null and c.phone is not null and not exists (
       select from contact_identities i where i.contact_id = c.id and i.kind in ('phone', 'wa_id') and i.value = substr(c.phone, 2))`,
  )
  expect(strangers, 'whose number is none of their addresses').toEqual([])
}, 120_000)
