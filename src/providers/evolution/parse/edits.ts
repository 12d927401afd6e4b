import type { InboundEdit, Person } from '../../inbound.ts'
import { field, inner, instantOf, textIn, type Untrusted } from '../../untrusted.ts'
import { readContent } from './content.ts'
import { enumName, isRecord, isTrue, long } from './dialect.ts'
import { identitiesOf, readJid } from './jid.ts'
import type { Scene } from './sink.ts'

const types = { REVOKE: 0, MESSAGE_EDIT: 14 } as const

/**
 * A protocolMessage: what `messages.edited` and `send.message.update` hold. It may be an edit, a deletion, or one of
 * many things that are neither (the timer of a chat, keys for history). `key.id` is the original message; the rest of
 * `key` is written from the editor's point of view and is believed only when it says that others wrote it.
 */
export function readEdit(element: unknown, scene: Scene): void {
  const { sink } = scene
  if (!isRecord(element)) return sink.reject('an edit that is no object', element)
  const key = inner(element, 'key')
  const target = textIn(key, 'id')
  const message = inner(element, 'editedMessage')
  const type = field(element, 'type')
  const isTyped = type !== undefined && type !== null
  const name = isTyped ? enumName(type, types) : message === undefined ? 'REVOKE' : 'MESSAGE_EDIT'
  if (name === undefined) return sink.ignore('a protocol message that is neither an edit nor a deletion')
  if (key === undefined || target === undefined)
    return sink.reject('an edit that does not say of what', element)
  const at = instantOf(long(field(element, 'timestampMs'))) ?? scene.receivedAt
  const chatJid = isTrue(key, 'fromMe') ? undefined : field(key, 'remoteJid')
  if (name === 'REVOKE') return addRevoke(target, [chatJid], scene)
  if (message === undefined) return sink.ignore('an edit without the new words')
  addEdit({ target, message, at, chatJid }, scene)
}

/** `messages.delete`: the key itself, the key with a status, or a row with a key in it, depending on version and side. */
export function readDelete(element: unknown, scene: Scene): void {
  if (!isRecord(element)) return scene.sink.reject('a deletion that is no object', element)
  if (isTrue(element, 'all')) return scene.sink.ignore('a whole chat was cleared on the phone')
  const keys = Array.isArray(field(element, 'keys')) ? (field(element, 'keys') as unknown[]) : [element]
  scene.sink.each(keys, (entry) => {
    const row = isRecord(entry) ? entry : undefined
    const key = inner(row, 'key') ?? row
    const target = textIn(key, 'id')
    if (target === undefined) return scene.sink.reject('a deletion that does not say of what', entry)
    addRevoke(target, [field(key, 'remoteJid'), field(key, 'remoteJidAlt')], scene)
  })
}

function addRevoke(target: string, jids: readonly unknown[], scene: Scene): void {
  const chat = chatOf(jids, scene)
  scene.sink.add({
    kind: 'revoke',
    at: scene.receivedAt,
    targetProviderMessageId: target,
    ...(chat === undefined ? {} : { chat }),
  })
}

interface Edit {
  readonly target: string
  readonly message: Untrusted
  readonly at: Date
  readonly chatJid: unknown
}

/**
 * One edit. The same edit can come as two events; it has no id of its own, so one is made of the target and the time,
 * and applying it twice changes nothing.
 */
export function addEdit(edit: Edit, scene: Scene): void {
  const found = readContent(edit.message, {})
  if (found.kind === 'edit') return readEdit(found.protocol, scene)
  if (found.kind !== 'content') return scene.sink.ignore('a message update whose new content cannot be shown')
  const chat = chatOf([edit.chatJid], scene)
  const item: InboundEdit = {
    kind: 'edit',
    at: edit.at,
    providerMessageId: `edit:${edit.target}:${edit.at.getTime()}`,
    targetProviderMessageId: edit.target,
    ...(chat === undefined ? {} : { chat }),
    text: found.content.text,
    type: found.content.type,
  }
  scene.sink.add(item)
}

function chatOf(jids: readonly unknown[], scene: Scene): Person | undefined {
  const group = readJid(jids[0])
  if (group?.kind === 'group') return { identities: [{ kind: 'group', value: group.jid }] }
  const identities = identitiesOf(jids, scene.own)
  return identities.length === 0 ? undefined : { identities }
}
