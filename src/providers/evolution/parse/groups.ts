import { field, listOf, present, textIn } from '../../untrusted.ts'
import { personOf, profileName } from './chat.ts'
import { isRecord } from './dialect.ts'
import { identitiesOf, readJid } from './jid.ts'
import type { Scene } from './sink.ts'

/** `groups.upsert`, `groups.update`: what a group is called. Its members become known when they write. */
export function readGroups(data: unknown, scene: Scene): void {
  scene.sink.each(Array.isArray(data) ? data : [data], (element) => {
    if (!isRecord(element)) return scene.sink.reject('a group that is no object', element)
    const jid = readJid(field(element, 'id'))
    if (jid?.kind !== 'group') return scene.sink.reject('a group without address', element)
    const name = textIn(element, 'subject')
    if (name === undefined) return scene.sink.ignore('a group update that does not tell its name')
    scene.sink.add({
      kind: 'contact',
      at: scene.receivedAt,
      person: personOf([{ kind: 'group', value: jid.jid }], name),
    })
  })
}

const verbs: Readonly<Record<string, string>> = {
  add: 'joined the group',
  remove: 'is no longer in the group',
  promote: 'became an admin of the group',
  demote: 'is no longer an admin of the group',
  modify: 'changed in the group',
}

/** `group-participants.update`: a line in the group's conversation. */
export function readParticipants(data: unknown, scene: Scene): void {
  const update = isRecord(data) ? data : undefined
  const group = readJid(field(update, 'id'))
  const action = textIn(update, 'action')
  const verb = action !== undefined && Object.hasOwn(verbs, action) ? verbs[action] : undefined
  if (group?.kind !== 'group') return scene.sink.reject('a change of members without group', data)
  if (verb === undefined) return scene.sink.ignore('a change of members of a kind that we do not know')
  const people = peopleOf(listOf(field(update, 'participantsData')), listOf(field(update, 'participants')))
  if (people.length === 0) return scene.sink.reject('a change of members without members', data)
  const named = people.slice(0, 3).map((person) => person.name ?? numberOf(person.identities))
  const more = people.length > 3 ? ` and ${people.length - 3} more` : ''
  scene.sink.add({
    kind: 'identity',
    at: scene.receivedAt,
    person: { identities: [{ kind: 'group', value: group.jid }] },
    join: [],
    leave: [],
    text: `${named.join(', ')}${more} ${verb}`,
    payload: present({ event: `group_${action}`, participants: people }),
    opensWindow: false,
  })
}

function peopleOf(details: readonly unknown[], jids: readonly unknown[]) {
  const described = details.filter(isRecord).map((detail) => {
    const identities = identitiesOf(
      [field(detail, 'jid'), field(detail, 'phoneNumber'), field(detail, 'lid')],
      undefined,
    )
    return personOf(identities, profileName(field(detail, 'name')))
  })
  const known = described.filter((person) => person.identities.length > 0)
  if (known.length > 0) return known
  return jids
    .map((jid) => personOf(identitiesOf([jidOf(jid)], undefined), undefined))
    .filter((p) => p.identities.length > 0)
}

/** Newer servers list members as objects. */
function jidOf(value: unknown): unknown {
  return isRecord(value) ? (field(value, 'phoneNumber') ?? field(value, 'id')) : value
}

function numberOf(identities: readonly { readonly kind: string; readonly value: string }[]): string {
  const phone = identities.find((identity) => identity.kind === 'phone')
  return phone === undefined ? 'Somebody' : `+${phone.value}`
}
