/** JSON that somebody else wrote; undefined when it is broken. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
