/**
 * Keys that order the cards of a board: a new key fits between any two, so that moving one card writes one row. Compared byte
 * by byte. The idea is fractional indexing: a key is a whole number and a fraction, both in base 62. The first letter of the
 * whole number tells how many digits follow (`a` one, `b` two …; `Z` one, `Y` two … for those below zero), so adding
 * at an end makes keys grow with the logarithm only. A fraction never ends in 0, so there is always room below it.
 */
const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const [smallest, largest] = ['0', 'z']
const first = 'a0'

/** A key after `lower` and before `upper`; null is the open end. Fails with a RangeError when they are not in that order. */
export function keyBetween(lower: string | null, upper: string | null): string {
  if (lower !== null && upper !== null && lower >= upper)
    throw new RangeError(`nothing is between ${lower} and ${upper}`)
  if (lower === null) {
    if (upper === null) return first
    const whole = wholeOf(upper)
    return whole < upper ? whole : step(whole, -1)
  }
  const whole = wholeOf(lower)
  if (upper === null) return step(whole, 1)
  const above = wholeOf(upper)
  if (whole === above) return whole + middle(lower.slice(whole.length), upper.slice(whole.length))
  const next = step(whole, 1)
  return next < upper ? next : whole + middle(lower.slice(whole.length), null)
}

/** As many keys in order between two, spread so that they stay short. */
export function keysBetween(lower: string | null, upper: string | null, count: number): string[] {
  if (count === 0) return []
  if (upper === null) {
    const keys: string[] = []
    for (let last = lower; keys.length < count; ) keys.push((last = keyBetween(last, null)))
    return keys
  }
  const half = lower === null ? count - 1 : count >> 1
  const pivot = keyBetween(lower, upper)
  return [...keysBetween(lower, pivot, half), pivot, ...keysBetween(pivot, upper, count - half - 1)]
}

function wholeOf(key: string): string {
  return key.slice(0, lengthOf(key[0] as string))
}

/** Length of a whole number with its letter. */
function lengthOf(letter: string): number {
  return letter >= 'a' ? letter.charCodeAt(0) - 95 : 92 - letter.charCodeAt(0)
}

/** The whole number beside. 62^26 steps lead out of the alphabet, so none ever do. */
function step(whole: string, by: 1 | -1): string {
  const [from, to] = by === 1 ? [largest, smallest] : [smallest, largest]
  const letter = whole[0] as string
  let end = whole.length
  while (end > 1 && whole[end - 1] === from) end -= 1
  if (end > 1) {
    const digit = digits[digits.indexOf(whole[end - 1] as string) + by] as string
    return whole.slice(0, end - 1) + digit + to.repeat(whole.length - end)
  }
  const beside =
    letter === 'Z' && by === 1
      ? 'a'
      : letter === 'a' && by === -1
        ? 'Z'
        : String.fromCharCode(letter.charCodeAt(0) + by)
  return beside + to.repeat(lengthOf(beside) - 1)
}

/** A fraction between two; null is 1. */
function middle(lower: string, upper: string | null): string {
  let same = 0
  if (upper !== null) while ((lower[same] ?? smallest) === upper[same]) same += 1
  if (upper !== null && same > 0) return upper.slice(0, same) + middle(lower.slice(same), upper.slice(same))
  const low = lower === '' ? 0 : digits.indexOf(lower[0] as string)
  const high = upper === null ? digits.length : digits.indexOf(upper[0] as string)
  if (high - low > 1) return digits[(low + high) >> 1] as string
  if (upper !== null && upper.length > 1) return upper[0] as string
  return (digits[low] as string) + middle(lower.slice(1), null)
}
