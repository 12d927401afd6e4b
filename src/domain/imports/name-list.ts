/** Names in one cell: `VIP; Gold`. A semicolon or backslash in a name has a backslash before it. */
export function joinNames(names: readonly string[]): string {
  return names.map((name) => name.replaceAll(/[\\;]/g, '\\$&')).join('; ')
}

const part = /(?:\\[\s\S]|[^;\\]|\\$)+/g

/** What joinNames joined; empty parts are nothing. */
export function splitNames(text: string): string[] {
  return (text.match(part) ?? [])
    .map((name) => name.trim().replaceAll(/\\([\s\S])/g, '$1'))
    .filter((name) => name !== '')
}
