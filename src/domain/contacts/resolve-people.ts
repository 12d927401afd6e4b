import { hearersOfContact } from './contact-sight.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Identity, Person } from '../../providers/inbound.ts'
import { mergeContacts } from './merge-contacts.ts'
import { type Group, groupPeople, isKey, type WantedPerson } from './people-groups.ts'
import { viewContacts } from './present-contact.ts'

/** The contact of a person that was looked up; undefined when there is none and none was to be made. */
export type ContactOf = (person: Person) => number | undefined

/**
 * Finds out who people are by any of their addresses, makes contacts of those we do not know, and keeps every new address.
 * When two of somebody's addresses belong to two contacts, these are one person: they are merged (merge-contacts.ts).
 * Records `contact.created` and `contact.updated`.
 *
 * One statement when everybody is known with all addresses. Otherwise the tenant's lock on new contacts is taken until
 * commit, so that two channels that hear of somebody at the same moment make one contact.
 */
export async function resolvePeople(tx: TenantTx, wanted: readonly WantedPerson[]): Promise<ContactOf> {
  const groups = groupPeople(wanted)
  if (groups.length === 0) return () => undefined
  let known = await findAddresses(tx, groups)
  const contacts = new Map<Group, number>()
  const unsettled = groups.filter((group) => !settle(group, known, contacts))
  if (unsettled.length > 0) {
    await holdNewContacts(tx)
    known = await findAddresses(tx, unsettled)
    const open = unsettled.filter((group) => !settle(group, known, contacts))
    await decide(tx, open, known, contacts)
  }
  const byPerson = new Map(groups.flatMap((group) => group.people.map((person) => [person, group])))
  return (person) => contacts.get(byPerson.get(person) as Group)
}

/** The right to make contacts of people that nobody knows yet, until commit. */
export async function holdNewContacts(tx: TenantTx): Promise<void> {
  await tx.query(`select pg_advisory_xact_lock(hashtextextended('switchboard contacts ' || $1, 0))`, [
    tx.tenantId,
  ])
}

interface KnownAddress {
  kind: Identity['kind']
  value: string
  contact_id: number
  deleted: boolean
}

type Known = ReadonlyMap<string, KnownAddress>

const spelled = (identity: Identity) => `${identity.kind} ${identity.value}`

/** A phone number and a wa_id are the same address in two roles, so each is looked for in both. */
function spellings(identity: Identity): Identity[] {
  if (identity.kind !== 'phone' && identity.kind !== 'wa_id') return [identity]
  const { value } = identity
  return [
    { kind: 'phone', value },
    { kind: 'wa_id', value },
  ]
}

async function findAddresses(tx: TenantTx, groups: readonly Group[]): Promise<Known> {
  const all = groups.flatMap((group) => group.identities.flatMap(spellings))
  const rows = await tx.gather<KnownAddress>(
    `select k.* from json_to_recordset($1) as w(tenant_id uuid, kind text, value text) cross join lateral (
       select i.tenant_id, i.kind, i.value, i.contact_id, ct.deleted_at is not null as deleted from contact_identities i
       join contacts ct on ct.tenant_id = i.tenant_id and ct.id = i.contact_id
       where i.tenant_id = w.tenant_id and i.kind = w.kind and i.value = w.value limit 1) k`,
    all,
  )
  return new Map(rows.map((row) => [spelled(row), row]))
}

/** The contacts that a group's addresses belong to, each once, in the order of the addresses. */
function ownersOf(group: Group, known: Known): KnownAddress[] {
  const rows = group.identities
    .filter(isKey)
    .flatMap((identity) => spellings(identity).map((one) => known.get(spelled(one))))
    .filter((row) => row !== undefined)
  return [...new Map(rows.toReversed().map((row) => [row.contact_id, row])).values()].toReversed()
}

function newAddresses(group: Group, known: Known, contactId: number | undefined): Identity[] {
  return group.identities.filter((identity) => {
    const row = known.get(spelled(identity))
    return row === undefined || (!isKey(identity) && row.contact_id !== contactId)
  })
}

/**
 * Whether nothing is to be written for this group: one contact with all the addresses, or nobody and nobody wanted. Somebody
 * whom we had deleted stays so when they are only spoken of.
 */
function settle(group: Group, known: Known, contacts: Map<Group, number>): boolean {
  const owners = ownersOf(group, known)
  const [first] = owners
  if (first === undefined) return !group.create
  if (
    owners.length > 1 ||
    (first.deleted && group.create) ||
    newAddresses(group, known, first.contact_id).length > 0
  )
    return false
  contacts.set(group, first.contact_id)
  return true
}

async function decide(
  tx: TenantTx,
  groups: readonly Group[],
  known: Known,
  contacts: Map<Group, number>,
): Promise<void> {
  const created = await createContacts(
    tx,
    groups.filter((group) => ownersOf(group, known).length === 0),
  )
  const changed = new Set<number>()
  const back = new Set<number>()
  const added: { contact_id: number; kind: string; value: string }[] = []
  for (const group of groups) {
    const owners = ownersOf(group, known).map((row) => row.contact_id)
    const made = created.get(group)
    const contactId =
      made ?? (owners.length > 1 ? await mergeContacts(tx, owners, group.identities) : (owners[0] ?? 0))
    contacts.set(group, contactId)
    if (made === undefined) changed.add(contactId)
    if (group.create) back.add(contactId)
    for (const identity of newAddresses(group, known, contactId)) {
      added.push({ contact_id: contactId, kind: identity.kind, value: identity.value })
      const formerOwner = known.get(spelled(identity))?.contact_id
      if (formerOwner !== undefined) changed.add(formerOwner)
    }
  }
  await addAddresses(tx, added)
  await touch(tx, [...changed], [...back])
  const views = await viewContacts(tx.query.bind(tx), tx.tenantId, [...created.values(), ...changed])
  for (const contact of views)
    tx.record(
      changed.has(contact.id) ? 'contact.updated' : 'contact.created',
      { contact },
      hearersOfContact(contact.id),
    )
}

async function createContacts(tx: TenantTx, groups: readonly Group[]): Promise<Map<Group, number>> {
  if (groups.length === 0) return new Map()
  const ids = await tx.query<{ id: number }>(
    `select nextval('contacts_id_seq')::integer as id from generate_series(1, $1)`,
    [groups.length],
  )
  const created = new Map(groups.map((group, place) => [group, ids[place]?.id ?? 0]))
  await tx.query(
    `insert into contacts (tenant_id, id, first_name, profile_name, phone, is_group, created_at, updated_at)
     select $1, v.id, coalesce(v.name, ''), v.name, v.phone, v.is_group, $3, $3
     from json_to_recordset($2) as v(id integer, name text, phone text, is_group boolean)`,
    [
      tx.tenantId,
      JSON.stringify(
        [...created].map(([group, id]) => ({
          id,
          name: group.name ?? null,
          phone: phoneOf(group.identities),
          is_group: group.identities.some(({ kind }) => kind === 'group'),
        })),
      ),
      tx.now,
    ],
  )
  return created
}

function phoneOf(identities: readonly Identity[]): string | null {
  const found =
    identities.find(({ kind }) => kind === 'phone') ?? identities.find(({ kind }) => kind === 'wa_id')
  return found ? `+${found.value}` : null
}

/** A username goes to whoever has it now: networks let them be taken over. Everything else stays with its first owner. */
async function addAddresses(
  tx: TenantTx,
  added: readonly { contact_id: number; kind: string; value: string }[],
): Promise<void> {
  if (added.length === 0) return
  await tx.query(
    `insert into contact_identities as known (tenant_id, kind, value, contact_id, created_at)
     select distinct on (v.kind, v.value) $1, v.kind, v.value, v.contact_id, $3::timestamptz
     from json_to_recordset($2) as v(contact_id integer, kind text, value text)
     on conflict (tenant_id, kind, value) do update set contact_id = excluded.contact_id where known.kind = 'username'`,
    [tx.tenantId, JSON.stringify(added), tx.now],
  )
}

/** Those who are back are deleted no longer; somebody whose number we learnt now has it in the record too. */
async function touch(tx: TenantTx, ids: readonly number[], back: readonly number[]): Promise<void> {
  if (ids.length === 0) return
  await tx.query(
    `update contacts ct set deleted_at = case when ct.id <> all($4) then ct.deleted_at end, version = version + 1, updated_at = $3, phone = coalesce(ct.phone, (
       select '+' || i.value from contact_identities i
       where i.tenant_id = ct.tenant_id and i.contact_id = ct.id and i.kind in ('phone', 'wa_id') order by i.kind, i.value limit 1))
     where ct.tenant_id = $1 and ct.id = any($2)`,
    [tx.tenantId, ids, tx.now, back],
  )
}
