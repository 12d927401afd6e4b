import { S3Error } from './s3-error.ts'

const escapes: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\r': '&#13;',
}

export function escapeXml(text: string): string {
  return text.replaceAll(/[&<>"'\r]/g, (character) => escapes[character] ?? character)
}

/** `<name>text</name>`, with the text escaped. */
export function leaf(name: string, text: string | number): string {
  return `<${name}>${escapeXml(String(text))}</${name}>`
}

/** A whole document around children that are XML already, in S3's namespace. */
export function document(root: string, ...children: string[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${children.join('')}</${root}>`
}

/** The inner XML of every `name` element, in order. Enough for S3's flat request bodies; no element nests in its own kind. */
export function elements(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}(?:\\s[^>]*)?>([\\s\\S]*?)</${name}>`, 'g'))].map(
    (match) => match[1] ?? '',
  )
}

/** The text of the first `name` element, or undefined. */
export function textOf(xml: string, name: string): string | undefined {
  const inner = elements(xml, name)[0]
  return inner === undefined ? undefined : unescapeXml(inner)
}

function unescapeXml(text: string): string {
  return text.replaceAll(
    /&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi,
    (whole, hex?: string, decimal?: string, name?: string) => {
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
      if (decimal !== undefined) return String.fromCodePoint(Number(decimal))
      const known = Object.entries(escapes).find(([, escaped]) => escaped === `&${name};`)
      if (known === undefined) throw new S3Error('MalformedXML', `unknown entity ${whole}`)
      return known[0]
    },
  )
}
