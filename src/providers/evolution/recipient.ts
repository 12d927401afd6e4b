import type { Identity } from '../inbound.ts'

/**
 * The value for `number`: the JID of a chat that we know, digits for a number that somebody typed in (the server then
 * finds the JID, with its rules for Brazil, Mexico and Argentina). A hidden id is the last choice, because servers
 * before 2.4 may not find it. Null when nothing can be addressed.
 */
export function numberFor(to: readonly Identity[]): string | null {
  const named = to.find((identity) => identity.kind === 'group' || identity.kind === 'wa_id')
  if (named?.kind === 'group') return named.value
  if (named !== undefined) return `${named.value}@s.whatsapp.net`
  const phone = to.find((identity) => identity.kind === 'phone')
  if (phone !== undefined) return phone.value
  const lid = to.find((identity) => identity.kind === 'lid')
  return lid === undefined ? null : `${lid.value}@lid`
}

/** The same as a JID, for keys, which take nothing else. */
export function jidFor(to: readonly Identity[]): string | null {
  const number = numberFor(to)
  return number === null || number.includes('@') ? number : `${number}@s.whatsapp.net`
}

export function isGroup(number: string): boolean {
  return number.endsWith('@g.us')
}
