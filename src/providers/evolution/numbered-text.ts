import { field, inner, listOf, recordOf, textIn, type Untrusted } from '../untrusted.ts'

/** Interactive messages that can be put as words. */
const tellable = new Set(['button', 'list', 'cta_url', 'location_request_message', 'request_contact_info'])

/**
 * An interactive message (Meta's form, docs/messages.md) as a text with numbered choices: buttons and lists of paired
 * numbers are accepted by the server but often not delivered. Null when words cannot stand for it.
 */
export function numberedText(interactive: unknown, fallback: string | null): string | null {
  const form = recordOf(interactive)
  const type = textIn(form, 'type')
  const header = inner(form, 'header')
  if (type === undefined || !tellable.has(type)) return null
  if (header !== undefined && textIn(header, 'type') !== 'text') return null
  const title = textIn(header, 'text')
  const footer = textIn(inner(form, 'footer'), 'text')
  const action = inner(form, 'action')
  const parts = [
    title === undefined ? undefined : `*${title}*`,
    textIn(inner(form, 'body'), 'text') ?? fallback ?? undefined,
    type === 'cta_url' ? link(inner(action, 'parameters')) : choices(action),
    footer === undefined ? undefined : `_${footer}_`,
  ]
  const text = parts.filter((part) => part !== undefined && part !== '').join('\n\n')
  return text === '' ? null : text
}

function link(parameters: Untrusted | undefined): string | undefined {
  const url = textIn(parameters, 'url')
  const name = textIn(parameters, 'display_text')
  return name !== undefined && url !== undefined ? `${name}: ${url}` : url
}

function choices(action: Untrusted | undefined): string {
  const lines: string[] = []
  let number = 0
  for (const button of listOf(field(action, 'buttons'))) {
    const title = textIn(inner(recordOf(button), 'reply'), 'title')
    if (title !== undefined) lines.push(`${(number += 1)}. ${title}`)
  }
  for (const section of listOf(field(action, 'sections')).map(recordOf)) {
    const heading = textIn(section, 'title')
    if (heading !== undefined) lines.push(`*${heading}*`)
    for (const row of listOf(field(section, 'rows')).map(recordOf)) {
      const title = textIn(row, 'title')
      const description = textIn(row, 'description')
      if (title === undefined) continue
      lines.push(`${(number += 1)}. ${title}${description === undefined ? '' : ` – ${description}`}`)
    }
  }
  return lines.join('\n')
}
