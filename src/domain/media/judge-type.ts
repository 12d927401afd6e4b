import { fileTypeFromBuffer } from 'file-type'

/** How much of a file's beginning is looked at. Office documents say what they are within their first entries. */
export const headBytes = 64 * 1024

export const unknownType = 'application/octet-stream'

/** Types that a browser may show by itself. None of them runs anything; PDF can, so it is saved instead. */
const inlineTypes = new Set([
  'image/jpeg',
  'image/png',
  'image/webp',
  'image/gif',
  'video/mp4',
  'video/3gpp',
  'audio/ogg',
  'audio/mpeg',
  'audio/mp4',
  'audio/aac',
  'audio/amr',
])

/** Types that we name because their bytes say so; anything else is unknown. */
const inertTypes = new Set([
  ...inlineTypes,
  'image/heic',
  'image/avif',
  'image/tiff',
  'image/bmp',
  'video/quicktime',
  'video/webm',
  'audio/wav',
  'audio/flac',
  'application/pdf',
  'application/zip',
  'application/x-7z-compressed',
  'application/x-rar-compressed',
  'application/gzip',
  'application/rtf',
  'application/epub+zip',
  'application/msword',
  'application/vnd.ms-excel',
  'application/vnd.ms-powerpoint',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  'application/vnd.oasis.opendocument.text',
  'application/vnd.oasis.opendocument.spreadsheet',
  'application/vnd.oasis.opendocument.presentation',
])

/** Text has no signature; these are believed when the bytes are text. HTML, XML and scripts are not among them. */
const textTypes = new Set(['text/plain', 'text/csv', 'text/vcard', 'text/calendar', 'application/json'])

/** Names of the same thing. */
const aliases = new Map([
  ['image/jpg', 'image/jpeg'],
  ['audio/mp3', 'audio/mpeg'],
  ['audio/opus', 'audio/ogg'],
  ['application/ogg', 'audio/ogg'],
  ['audio/x-m4a', 'audio/mp4'],
  ['audio/m4a', 'audio/mp4'],
  ['audio/vnd.wave', 'audio/wav'],
  ['audio/x-wav', 'audio/wav'],
  ['audio/x-flac', 'audio/flac'],
  ['image/heif', 'image/heic'],
  ['image/apng', 'image/png'],
  ['text/x-vcard', 'text/vcard'],
  ['application/x-zip-compressed', 'application/zip'],
  ['application/vnd.rar', 'application/x-rar-compressed'],
  ['application/x-gzip', 'application/gzip'],
])

/** Containers: the signature (left) of files that are declared as one of those (right). */
const containers: readonly (readonly [string, RegExp])[] = [
  [
    'application/zip',
    /^application\/(vnd\.(openxmlformats-officedocument|oasis\.opendocument)\.|epub\+zip$)/,
  ],
  ['application/x-cfb', /^application\/(msword|vnd\.ms-(excel|powerpoint))$/],
  ['video/mp4', /^(audio\/mp4|video\/(3gpp|quicktime))$/],
  ['audio/mp4', /^video\/mp4$/],
  ['video/3gpp', /^(audio\/(3gpp|amr|mp4)|video\/mp4)$/],
  ['video/ogg', /^audio\/ogg$/],
]

export interface Judged {
  /** What it may be called towards browsers and networks. */
  readonly mimeType: string
  /** Whether the bytes are what was declared. */
  readonly fits: boolean
}

/**
 * What a file is, judged by its first bytes and not by what somebody said of it. A name is given only to types that do
 * nothing when opened; scripts, pages and drawings that may hold scripts (SVG) are bytes of unknown type.
 */
export async function judgeType(head: Uint8Array, declared: string): Promise<Judged> {
  const said = bare(declared)
  const magic = bare((await fileTypeFromBuffer(head).catch(() => undefined))?.mime ?? '')
  if (magic === '') {
    if (textTypes.has(said))
      return isText(head) ? { mimeType: said, fits: true } : { mimeType: unknownType, fits: false }
    const hasSignature = /^(image|audio|video)\//.test(said) || inertTypes.has(said)
    return { mimeType: unknownType, fits: !hasSignature }
  }
  const fits =
    magic === said ||
    said === unknownType ||
    containers.some(([outer, inner]) => outer === magic && inner.test(said))
  const name = fits && said !== unknownType ? said : magic
  return { mimeType: inertTypes.has(name) ? name : unknownType, fits }
}

export function isInline(mimeType: string): boolean {
  return inlineTypes.has(mimeType)
}

/** The usual ending of a type's files, for files without a name. */
export function endingOf(mimeType: string): string {
  return endings.get(mimeType) ?? 'bin'
}
const endings = new Map([
  ['image/jpeg', 'jpg'],
  ['image/png', 'png'],
  ['image/webp', 'webp'],
  ['image/gif', 'gif'],
  ['video/mp4', 'mp4'],
  ['video/3gpp', '3gp'],
  ['audio/ogg', 'ogg'],
  ['audio/mpeg', 'mp3'],
  ['audio/mp4', 'm4a'],
  ['audio/aac', 'aac'],
  ['audio/amr', 'amr'],
  ['application/pdf', 'pdf'],
  ['application/zip', 'zip'],
  ['text/plain', 'txt'],
  ['text/csv', 'csv'],
  ['text/vcard', 'vcf'],
])

function bare(mimeType: string): string {
  const name = mimeType.split(';')[0]?.trim().toLowerCase() ?? ''
  return aliases.get(name) ?? name
}

/** UTF-8 without control characters. The last bytes may be half a character, because the head was cut there. */
function isText(head: Uint8Array): boolean {
  if (head.some((byte) => byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0c && byte !== 0x0d))
    return false
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true })
    return true
  } catch {
    return false
  }
}
