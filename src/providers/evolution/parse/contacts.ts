import type { Identity } from '../../inbound.ts'
import { field, textOf } from '../../untrusted.ts'
import { personOf, profileName } from './chat.ts'
import { isRecord } from './dialect.ts'
import { identitiesOf, readJid, unwanted } from './jid.ts'
import type { Scene } from './sink.ts'

/**
 * `contacts.upsert`, `contacts.update`, `contacts.set`: an array out of the address book (thousands of elements after
 * pairing), or one object after a message. In the second form a group has the name of whoever wrote last, so there it
 * is not used.
 */
export function readContactUpdates(data: unknown, scene: Scene): void {
  const isList = Array.isArray(data)
  scene.sink.each(isList ? data : [data], (element) => readOne(element, isList, scene))
}

function readOne(element: unknown, fromAddressBook: boolean, scene: Scene): void {
  if (!isRecord(element)) return scene.sink.reject('a contact that is no object', element)
  const jid = readJid(field(element, 'remoteJid') ?? field(element, 'id'))
  if (jid === null) return scene.sink.reject('a contact without WhatsApp address', element)
  if (jid.kind !== 'pn' && jid.kind !== 'lid' && jid.kind !== 'group')
    return scene.sink.ignore(unwanted[jid.kind])
  const isGroup = jid.kind === 'group'
  const identities: Identity[] = isGroup
    ? [{ kind: 'group', value: jid.jid }]
    : identitiesOf(
        [field(element, 'remoteJid') ?? field(element, 'id'), field(element, 'remoteLid')],
        undefined,
      )
  if (jid.kind === 'pn' && jid.user === scene.own)
    return scene.sink.ignore('a contact that is our own number')
  const name = isGroup && !fromAddressBook ? undefined : profileName(field(element, 'pushName'))
  const pictureUrl = pictureOf(field(element, 'profilePicUrl'))
  const isPair = identities.some((id) => id.kind === 'lid') && identities.some((id) => id.kind === 'wa_id')
  if (name === undefined && pictureUrl === undefined && !isPair) {
    return scene.sink.ignore('a contact update that tells neither a name nor a picture')
  }
  scene.sink.add({
    kind: 'contact',
    at: scene.receivedAt,
    person: personOf(identities, name),
    ...(pictureUrl === undefined ? {} : { pictureUrl }),
  })
}

/** Only addresses of the web; the picture itself is fetched by nobody here. */
function pictureOf(value: unknown): string | undefined {
  const url = textOf(value)
  return url !== undefined && url.length <= 2_048 && url.startsWith('https://') ? url : undefined
}
