/**
 * How much a name that the network tells says about who somebody is: 0 nothing (empty, or a telephone number), 1 something
 * (only signs or pictures), 2 a name with letters.
 */
function worthOf(name: string): 0 | 1 | 2 {
  if (/\p{L}/u.test(name)) return 2
  return name.trim() === '' || /^[+\d\s().-]+$/.test(name) ? 0 : 1
}

/**
 * Whether a name takes the place of the one we have: a better one always, an equally good one when it is the later word. The
 * end is the same in whatever order names arrive.
 */
export function isBetterName(name: string, known: string, isLater: boolean): boolean {
  const [worth, before] = [worthOf(name), worthOf(known)]
  return worth > 0 && (worth > before || (worth === before && isLater))
}
