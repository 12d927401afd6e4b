import { clean, digitsOf, present } from '../../untrusted.ts'

/** A shared contact, as docs/messages.md has it. */
export interface Card {
  readonly name: string
  readonly firstName?: string
  readonly lastName?: string
  readonly phones: readonly { readonly phone: string; readonly waId?: string; readonly type?: string }[]
  readonly emails: readonly { readonly email: string; readonly type?: string }[]
  readonly addresses: readonly Readonly<Record<string, string>>[]
  readonly urls: readonly { readonly url: string; readonly type?: string }[]
  readonly organization?: string
  readonly title?: string
  readonly birthday?: string
  readonly vcard?: string
}

/** One line: `item1.TEL;type=CELL;waid=5511…:+55 11 …`. */
interface Line {
  readonly group: string
  readonly name: string
  readonly parameters: readonly string[]
  readonly value: string
}

/** A card with a photo can have megabytes; the text is kept only without it and up to this length. */
const mostCharacters = 16_384

/**
 * Reads a vCard 2.1 to 4.0 as phones write them: folded lines, quoted-printable, Apple's labels in a line of their own
 * (`item1.X-ABLabel`). Null when there is neither a name nor anything to reach somebody by.
 */
export function readVcard(text: string, displayName: string | undefined): Card | null {
  const lines = linesOf(text)
  const first = (name: string) => lines.find((line) => line.name === name)
  const parts = split(first('N')?.value ?? '', ';')
  const phones = lines.filter((line) => line.name === 'TEL').map((line) => phoneOf(line, lines))
  const emails = lines.filter((line) => line.name === 'EMAIL')
  const fullName = unescaped(first('FN')?.value ?? '')
  const assembled = [parts[3], parts[1], parts[2], parts[0]].filter((part) => part).join(' ')
  const organization = split(first('ORG')?.value ?? '', ';')
    .filter((part) => part !== '')
    .join(', ')
  const name = fullName || displayName || assembled || organization || phones[0]?.phone || ''
  if (name === '') return null
  return {
    name,
    ...present({ firstName: parts[1] || undefined, lastName: parts[0] || undefined }),
    phones: phones.filter(({ phone }) => phone !== ''),
    emails: emails.map((line) => ({ email: unescaped(line.value), ...typeOf(line, lines) })),
    addresses: lines.filter((line) => line.name === 'ADR').map((line) => addressOf(line, lines)),
    urls: lines
      .filter((line) => line.name === 'URL')
      .map((line) => ({ url: unescaped(line.value), ...typeOf(line, lines) })),
    ...present({
      organization: organization || undefined,
      title: unescaped(first('TITLE')?.value ?? '') || undefined,
      birthday: unescaped(first('BDAY')?.value ?? '') || undefined,
      vcard: plainText(text),
    }),
  }
}

function linesOf(text: string): Line[] {
  const unfolded = text
    .slice(0, 4_194_304)
    .replace(/=\r?\n/g, '')
    .replace(/\r?\n[ \t]/g, '')
  const lines: Line[] = []
  for (const raw of unfolded.split(/\r?\n/).slice(0, 500)) {
    const colon = raw.indexOf(':')
    if (colon === -1 || colon > 500) continue
    const [full = '', ...parameters] = raw.slice(0, colon).split(';')
    const dot = full.indexOf('.')
    const name = full.slice(dot + 1).toUpperCase()
    if (name === 'PHOTO' || name === 'LOGO' || name === 'SOUND' || name === 'KEY') continue
    const group = dot === -1 ? '' : full.slice(0, dot).toLowerCase()
    lines.push({ group, name, parameters, value: decoded(raw.slice(colon + 1).slice(0, 2_048), parameters) })
  }
  return lines
}

function decoded(value: string, parameters: readonly string[]): string {
  if (!parameters.some((parameter) => /quoted-printable/i.test(parameter))) return clean(value).trim()
  const bytes = value.replace(/=([0-9A-Fa-f]{2})|[^=]|=/g, (whole, hex: string | undefined) =>
    hex === undefined
      ? Buffer.from(whole, 'utf8').toString('latin1')
      : String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return clean(Buffer.from(bytes, 'latin1').toString('utf8')).trim()
}

function phoneOf(line: Line, lines: readonly Line[]): Card['phones'][number] {
  const waid = line.parameters.find((parameter) => /^waid=/i.test(parameter))?.slice(5)
  return {
    phone: unescaped(line.value).replace(/^tel:/i, ''),
    ...present({ waId: digitsOf(waid) }),
    ...typeOf(line, lines),
  }
}

/** Apple's label of the same group, else the first `type=`: `CELL`, `HOME`, `WORK`. */
function typeOf(line: Line, lines: readonly Line[]): { type?: string } {
  const label =
    line.group === ''
      ? undefined
      : lines.find((other) => other.group === line.group && other.name === 'X-ABLABEL')
  const named = line.parameters
    .map((parameter) => /^type=(.+)$/i.exec(parameter)?.[1])
    .find((type) => type !== undefined)
  const bare = line.parameters.find((parameter) => /^(cell|home|work|main|fax|voice|pref)$/i.test(parameter))
  const type = label?.value.replace(/^_\$!<(.*)>!\$_$/, '$1') ?? named?.split(',')[0] ?? bare
  return type === undefined || type === '' ? {} : { type: clean(type) }
}

function addressOf(line: Line, lines: readonly Line[]): Record<string, string> {
  const [, , street, city, state, zip, country] = split(line.value, ';')
  const parts = { street, city, state, zip, country, ...typeOf(line, lines) }
  return Object.fromEntries(
    Object.entries(parts).filter((pair): pair is [string, string] => Boolean(pair[1])),
  )
}

function split(value: string, by: string): string[] {
  return value.split(new RegExp(`(?<!\\\\)${by}`)).map(unescaped)
}

function unescaped(value: string): string {
  return value
    .replace(/\\([\\;,:nN])/g, (_, letter: string) => (letter === 'n' || letter === 'N' ? '\n' : letter))
    .trim()
}

function plainText(text: string): string | undefined {
  return text !== '' && text.length <= mostCharacters && !/^PHOTO/im.test(text) ? text : undefined
}
