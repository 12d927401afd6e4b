import { looksLikeNumber } from './search-terms.ts'

/** A text that has a name and numbers beside it: "Ravi 98765 43210". */
export interface MixedTerms {
  /** All that is no number. Never empty. */
  readonly name: string
  readonly numbers: readonly NumberTerm[]
}

/** Numbers that stand side by side: one that was written with spaces, or several. */
interface NumberTerm {
  readonly whole: string
  readonly parts: readonly string[]
}

const gap = /[\s,;]+/
const numeric = /^[+(\d][\d()./-]*$/
const punctuation = /^[()./-]+$/
const digitsIn = (text: string): number => text.replaceAll(/\D/g, '').length

/** Of fewer digits every other number has some: beside a name they are words, as in "Flat 12". */
const fewestDigits = 3

/**
 * The name and the numbers of a text, in whatever order they come; null for one that is a name or a number alone. Numbers have
 * `fewestDigits` at least.
 */
export function mixedTerms(q: string): MixedTerms | null {
  if (looksLikeNumber(q.trim())) return null
  const runs: string[][] = []
  let isOpen = false
  const words: string[] = []
  for (const word of q.split(gap).filter((word) => word !== '')) {
    if (isOpen && (numeric.test(word) || punctuation.test(word))) runs.at(-1)?.push(word)
    else {
      isOpen = numeric.test(word) && digitsIn(word) > 0
      if (isOpen) runs.push([word])
      else words.push(word)
    }
  }
  const [long, short] = [runs.filter(isTelling), runs.filter((run) => !isTelling(run))]
  const name = [...words, ...short.flat()].join(' ')
  if (long.length === 0 || name === '') return null
  const numbers = long.map((run) => ({
    whole: run.join(' '),
    parts: run.filter((word) => digitsIn(word) > 0),
  }))
  return { name, numbers }
}

const isTelling = (run: readonly string[]): boolean => isLong(run.join(''))

/** Whether there are enough digits to look for in numbers. */
export const isLong = (text: string): boolean => digitsIn(text) >= fewestDigits

/**
 * Whether a number that was written with spaces has this part of it as it stands there: zeros in front of the first part may be
 * dialled only, and so is a 0 in brackets.
 */
function isSure(part: string, at: number): boolean {
  return isLong(part) && !part.includes('(0') && (at > 0 || !part.startsWith('0'))
}

/**
 * Texts that whatever has the name and the numbers has as well: the longest number, and the name; the more telling one first.
 */
export function leadsOf({ name, numbers }: MixedTerms): [string, ...string[]] {
  const sure = numbers.flatMap(({ parts }) => (parts.length === 1 ? parts : parts.filter(isSure)))
  const [number] = sure.toSorted((one, other) => digitsIn(other) - digitsIn(one))
  if (number === undefined) return [name]
  return digitsIn(number) >= tellingDigits ? [number, name] : [name, number]
}

/** So many digits in a row few numbers share; a country code and what follows it, very many. */
const tellingDigits = 5
