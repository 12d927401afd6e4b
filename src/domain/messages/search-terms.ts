/** Letters without their marks: no sign may appear later, when the database folds the text once more (search_key). */
function folded(text: string): string {
  return text
    .normalize('NFKD')
    .replaceAll(/[\u0300-\u036f]/g, '')
    .toLowerCase()
}

const escaped = (text: string): string => text.replaceAll(/[\\%_]/g, '\\$&')

/** Text as a LIKE pattern for "somewhere in it". */
const within = (text: string): string => `%${escaped(text)}%`

export const looksLikeNumber = (q: string): boolean => /^[+(\d][\d\s()./-]*$/.test(q)

/**
 * The words that all have to be somewhere in a name, in whatever order: "sharma, Ravi" is `sharma` and `ravi`. What looks like a
 * phone number is one word.
 */
function wordsOf(q: string): string[] {
  const text = folded(q.trim())
  const words = looksLikeNumber(text) ? [] : text.split(/[\s,;]+/).filter((word) => word !== '')
  const longest = [...new Set(words)].toSorted((one, other) => other.length - one.length)
  const telling = longest.filter((word, at) => !longest.slice(0, at).some((other) => other.includes(word)))
  return telling.length === 0 ? [text] : telling
}

/** LIKE patterns for names, of which all must hold; the database folds them and what they are compared with. Never empty. */
export function namePatterns(q: string): string[] {
  return wordsOf(q).map(within)
}

/** Whether an index of trigrams tells something about a text that has each of these words: one has three letters in a row. */
export function isFoundByTrigrams(q: string): boolean {
  return wordsOf(q).some((word) => /[\p{L}\p{N}]{3}/u.test(word)) || hasThreeDigits(q)
}

const digitsOf = (text: string): string => text.replaceAll(/\D/g, '')
const hasThreeDigits = (q: string): boolean => looksLikeNumber(q.trim()) && digitsOf(q).length > 2

/**
 * LIKE patterns for addresses, of which one is enough: the digits of what looks like a phone number (`+49 (171) 555-01`) in all
 * the ways that it may be meant, otherwise the text itself; none when it has spaces, which no address has.
 */
export function addressPatterns(q: string): string[] {
  const text = q.trim()
  if (looksLikeNumber(text)) return numberPatterns(text, '')
  return /\s/.test(text) ? [] : [within(text.replace(/^@/, '').toLowerCase())]
}

/** As `addressPatterns`, for texts in which a number stands with its "+"; none for what is no number. */
export function phonePatterns(q: string): string[] {
  const text = q.trim()
  return looksLikeNumber(text) ? numberPatterns(text, '%+') : []
}

/** Digits that are too few to say where in a number they stand. */
const tooFew = 2

/**
 * Its digits anywhere in a number. Behind `00` the number begins with them, as behind "+". Behind one 0, as people dial within
 * their country (`098765 43210`, `0171 …`), they follow the one to three digits of a country code. Nobody dials the `(0)` of
 * `+49 (0)171 …`.
 */
function numberPatterns(text: string, beginning: string): string[] {
  const given = digitsOf(text)
  if (given === '') return []
  const dialled = /^(\+|00)/.test(text) ? digitsOf(text.replace('(0)', '')) : given
  const [, zeros = '', rest = ''] = /^(0*)(.*)$/.exec(dialled) ?? []
  const anywhere = within(given)
  if (rest.length <= tooFew) return [anywhere]
  if (zeros === '00') return [anywhere, `${beginning}${rest}%`]
  if (zeros === '0') return [anywhere, ...['_', '__', '___'].map((code) => `${beginning}${code}${rest}%`)]
  return dialled === given ? [anywhere] : [anywhere, `${beginning}${rest}%`]
}

/** A tsquery for messages that hold every word, the beginnings of words too; null when there is no word in it. */
export function messageWords(q: string): string | null {
  const words = folded(q)
    .split(/[^\p{L}\p{N}\p{M}]+/u)
    .filter((word) => word !== '')
  return words.length === 0 ? null : words.map((word) => `'${word}':*`).join(' & ')
}
