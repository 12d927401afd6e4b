import type { Identity, Person } from '../../providers/inbound.ts'

/** Somebody that a network speaks of. `create`: a contact is made when we do not know them. */
export interface WantedPerson {
  readonly person: Person
  readonly create: boolean
}

/** Mentions of one person: all that share an address, directly or through others. */
export interface Group {
  readonly people: Person[]
  /** All addresses, those that were named first before the others. */
  readonly identities: Identity[]
  /** The last name that was told. */
  name: string | undefined
  create: boolean
}

/** Names longer than this are cut; WhatsApp allows 25 characters, and other tools write what they like. */
const longestName = 256

/** A username is shown and never a key: somebody else can take it over. */
export function isKey(identity: Identity): boolean {
  return identity.kind !== 'username'
}

/** A phone number and a wa_id with the same digits are one address. */
function keyOf({ kind, value }: Identity): string {
  return kind === 'phone' || kind === 'wa_id' ? `number ${value}` : `${kind} ${value}`
}

/** Puts mentions of the same person together. Pure; people without an address that is a key are left out. */
export function groupPeople(wanted: readonly WantedPerson[]): Group[] {
  const byKey = new Map<string, Group>()
  const groups = new Set<Group>()
  for (const { person, create } of wanted) {
    const keys = person.identities.filter(isKey).map(keyOf)
    if (keys.length === 0) continue
    const met = [...new Set(keys.map((key) => byKey.get(key)).filter((group) => group !== undefined))]
    const group = met[0] ?? { people: [], identities: [], name: undefined, create: false }
    groups.add(group)
    for (const other of met.slice(1)) {
      join(group, other)
      groups.delete(other)
    }
    join(group, {
      people: [person],
      identities: [...person.identities],
      name: person.name?.slice(0, longestName).toWellFormed(),
      create,
    })
    for (const identity of group.identities.filter(isKey)) byKey.set(keyOf(identity), group)
  }
  return [...groups]
}

function join(group: Group, other: Group): void {
  group.people.push(...other.people)
  const has = new Set(group.identities.map(({ kind, value }) => `${kind} ${value}`))
  group.identities.push(...other.identities.filter(({ kind, value }) => !has.has(`${kind} ${value}`)))
  group.name = other.name ?? group.name
  group.create ||= other.create
}
