/** Letters without their marks: no sign may appear later, when the database folds the text once more (search_key). */
function folded(text: string): string {
  return text
    .normalize('NFKD')
    .replaceAll(/[\u0300-\u036f]/g, '')
    .toLowerCase()
}

/** Text as a LIKE pattern for "somewhere in it". */
function within(text: string): string {
  return `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`
}

/** A LIKE pattern for names; the database folds it and what it is compared with. */
export function contactLike(q: string): string {
  return within(folded(q.trim()))
}

/**
 * A LIKE pattern for addresses: the digits of what looks like a phone number (`+49 (171) 555-01`), otherwise the text
 * itself; null when it has spaces, which no address has.
 */
export function addressLike(q: string): string | null {
  const text = q.trim()
  if (/^[+(\d][\d\s()./-]*$/.test(text)) {
    const digits = text.replaceAll(/\D/g, '')
    return digits === '' ? null : within(digits)
  }
  return /\s/.test(text) ? null : within(text.replace(/^@/, '').toLowerCase())
}

/** A tsquery for messages that hold every word, the beginnings of words too; null when there is no word in it. */
export function messageWords(q: string): string | null {
  const words = folded(q)
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '')
  return words.length === 0 ? null : words.map((word) => `'${word}':*`).join(' & ')
}
