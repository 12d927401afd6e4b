import type { Identity, Person } from '../../inbound.ts'
import { chatFields, identitiesOf, readJid, senderFields, unwanted } from './jid.ts'
import { clean, field, type Untrusted } from '../../untrusted.ts'

/** Whom a message belongs to, or why it belongs to nobody. */
export type Chat =
  | { readonly kind: 'chat'; readonly chat: Person; readonly sender?: Person }
  | { readonly kind: 'ignored'; readonly why: string }
  | { readonly kind: 'invalid'; readonly why: string }

/**
 * Reads the chat, and in a group the writer, from a message key. `pushName` is the writer's profile name and is used
 * only for what others wrote: on our own messages it is ours.
 */
export function readChat(key: Untrusted, data: Untrusted, own: string | undefined): Chat {
  const fromMe = field(key, 'fromMe') === true
  const name = fromMe ? undefined : profileName(field(data, 'pushName'))
  const remote = readJid(field(key, 'remoteJid'))
  if (remote === null) return { kind: 'invalid', why: 'key.remoteJid is no WhatsApp address' }
  if (remote.kind === 'group') {
    const chat: Person = { identities: [{ kind: 'group', value: remote.jid }] }
    const writer = fromMe ? [] : identitiesOf(senderFields(key, data), own)
    return { kind: 'chat', chat, ...(writer.length > 0 ? { sender: personOf(writer, name) } : {}) }
  }
  if (remote.kind !== 'pn' && remote.kind !== 'lid') return { kind: 'ignored', why: unwanted[remote.kind] }
  const others = identitiesOf(chatFields(key), own)
  // Only our own number is left: a note to ourselves.
  const identities = others.length > 0 ? others : identitiesOf(chatFields(key), undefined)
  return { kind: 'chat', chat: personOf(identities, name) }
}

export function personOf(identities: readonly Identity[], name: string | undefined): Person {
  return name === undefined ? { identities } : { identities, name }
}

/** A name that may be shown: not empty, not just a number, not the server's word for ourselves. */
export function profileName(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  const name = clean(value).trim().slice(0, 256)
  if (name === '' || name === 'Você' || /^[+\d\s().-]+$/.test(name) || readJid(name) !== null)
    return undefined
  return name.toWellFormed()
}
