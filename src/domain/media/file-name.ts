const longestName = 150

/**
 * Characters that make a name look like another one or do something to whoever prints it: controls, and the marks that
 * turn the direction of text (U+202E shows `exe.gpj` as `jpg.exe`). Nothing that people write needs them in a name.
 */
const harmful = /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu

/** A file's name as it may be shown and saved: one line, no path, no tricks, at most 150 characters; null when nothing is left. */
export function cleanFileName(name: string | null | undefined): string | null {
  const bare = (name ?? '').toWellFormed().replaceAll(harmful, '').replaceAll(/[/\\]/g, '_').trim()
  const visible = bare.replaceAll(/^[.\s]+|[.\s]+$/g, '')
  if (visible === '') return null
  const characters = Array.from(visible)
  if (characters.length <= longestName) return visible
  const ending = /\.[^.]{1,10}$/.exec(visible)?.[0] ?? ''
  return `${characters.slice(0, longestName - ending.length).join('')}${ending}`
}

/** Content-Disposition by RFC 6266: a name in ASCII for old programs, and the whole one in UTF-8. */
export function contentDisposition(kind: 'inline' | 'attachment', name: string): string {
  const ascii = name.replaceAll(/[^\x20-\x7e]/g, '_').replaceAll(/["\\%]/g, '_')
  const whole = encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `${kind}; filename="${ascii}"; filename*=UTF-8''${whole}`
}
