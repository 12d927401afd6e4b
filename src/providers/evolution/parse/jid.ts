import type { Identity } from '../../inbound.ts'
import { field, type Untrusted } from '../../untrusted.ts'

/**
 * WhatsApp addresses. `pn` is a phone number (the JID's digits, which WhatsApp calls wa_id), `lid` a hidden id that is
 * not a phone number. Everything else can hold no conversation of ours.
 */
export type Jid =
  | { readonly kind: 'pn' | 'lid'; readonly user: string }
  | { readonly kind: 'group'; readonly jid: string }
  | { readonly kind: 'story' | 'broadcast' | 'newsletter' | 'service' | 'bot' }

const userKinds = new Map<string, 'pn' | 'lid'>([
  ['s.whatsapp.net', 'pn'],
  ['c.us', 'pn'],
  ['hosted', 'pn'],
  ['lid', 'lid'],
  ['hosted.lid', 'lid'],
])

/** Reads an address; null when it is none. The device part (`:12`) is cut, bare digits are a phone number. */
export function readJid(value: unknown): Jid | null {
  if (typeof value !== 'string' || value.length > 120) return null
  const cut = value.lastIndexOf('@')
  if (cut === -1) return /^\+?\d{7,15}$/.test(value) ? { kind: 'pn', user: value.replace('+', '') } : null
  const user = (value.slice(0, cut).split(':')[0] ?? '').trim()
  const server = value.slice(cut + 1).toLowerCase()
  if (server === 'g.us') return /^\d[\d-]*$/.test(user) ? { kind: 'group', jid: `${user}@g.us` } : null
  if (server === 'broadcast') return { kind: user === 'status' ? 'story' : 'broadcast' }
  if (server === 'newsletter') return { kind: 'newsletter' }
  if (server === 'bot') return { kind: 'bot' }
  const kind = userKinds.get(server)
  if (kind === undefined || !/^\d{1,20}$/.test(user)) return null
  return kind === 'pn' && user === '0' ? { kind: 'service' } : { kind, user }
}

/** Digits of the phone number in an address; undefined for hidden ids and everything else. */
export function phoneOf(value: unknown): string | undefined {
  const jid = readJid(value)
  return jid?.kind === 'pn' ? jid.user : undefined
}

/**
 * Identities of one person from all the fields that may name them, best field first: at most one phone number and one
 * hidden id, so that a stray field never glues two people together. Our own number is left out, because some versions
 * write it into the `Alt` fields of what we sent. The digits of a JID are both `wa_id` (what to address) and `phone`.
 */
export function identitiesOf(values: readonly unknown[], own: string | undefined): Identity[] {
  let pn: string | undefined
  let lid: string | undefined
  for (const value of values) {
    const jid = readJid(value)
    if (jid?.kind === 'pn' && jid.user !== own) pn ??= jid.user
    if (jid?.kind === 'lid') lid ??= jid.user
  }
  const identities: Identity[] = []
  if (pn !== undefined) identities.push({ kind: 'wa_id', value: pn }, { kind: 'phone', value: pn })
  if (lid !== undefined) identities.push({ kind: 'lid', value: lid })
  return identities
}

/**
 * Fields that name the other side of a private chat, in the spelling of every version (section 6). For messages of
 * ours the `sender…` fields are us, not them.
 */
export function chatFields(key: Untrusted): unknown[] {
  const fields = [
    field(key, 'remoteJid'),
    field(key, 'remoteJidAlt'),
    field(key, 'previousRemoteJid'),
    field(key, 'remoteLid'),
  ]
  return field(key, 'fromMe') === true ? fields : [...fields, field(key, 'senderPn'), field(key, 'senderLid')]
}

/** Fields that name who wrote in a group, in the spelling of every version. */
export function senderFields(key: Untrusted, data: Untrusted): unknown[] {
  return [
    field(key, 'participant'),
    field(key, 'participantAlt'),
    field(key, 'participantPn'),
    field(key, 'participantLid'),
    field(key, 'senderPn'),
    field(key, 'senderLid'),
    field(data, 'participant'),
  ]
}

/** Why nothing of this address becomes a conversation. */
export const unwanted: Readonly<Record<'story' | 'broadcast' | 'newsletter' | 'service' | 'bot', string>> = {
  story: 'a story (status@broadcast) is not a conversation',
  broadcast: 'a broadcast list is not a conversation',
  newsletter: 'a channel (newsletter) is not a conversation',
  service: "WhatsApp's own service account is not a customer",
  bot: 'an AI bot of WhatsApp is not a customer',
}
