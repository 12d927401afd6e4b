/** Length in characters as a human and Meta count them: code points, so that an emoji outside the BMP is not two. */
export function lengthOf(text: string): number {
  let length = 0
  for (const _ of text) length += 1
  return length
}

/** A sentence when the text is longer than the limit, else null. */
export function tooLong(what: string, text: string, limit: number): string | null {
  if (text.length <= limit) return null
  const length = lengthOf(text)
  return length <= limit ? null : `${what} has ${length} characters; WhatsApp takes at most ${limit}.`
}
