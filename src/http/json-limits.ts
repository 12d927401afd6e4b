import type { Config } from '../platform/config.ts'
import { invalid } from './faults.ts'

export type JsonLimits = Pick<Config, 'JSON_DEPTH' | 'JSON_KEYS' | 'JSON_ITEMS'>

interface Container {
  readonly isObject: boolean
  members: number
}

/**
 * Refuses JSON text that is too deep or too wide, or that holds characters which the database cannot keep (NUL, half a
 * surrogate pair), before anything is built from it: one pass, no recursion. Text that is not JSON at all
 * passes here and fails in JSON.parse.
 */
export function requireModestJson(text: string, limits: JsonLimits): void {
  const open: Container[] = []
  const fault = (message: string) => invalid([{ in: 'body', pointer: '', message }])
  const count = () => {
    const container = open.at(-1)
    if (!container) return
    container.members += 1
    if (container.isObject && container.members > limits.JSON_KEYS)
      throw fault(`an object with more than ${limits.JSON_KEYS} members`)
    if (!container.isObject && container.members > limits.JSON_ITEMS)
      throw fault(`an array with more than ${limits.JSON_ITEMS} items`)
  }
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: {
        const end = endOfString(text, at)
        if (hasUnkeepableEscape(text, at, end)) throw fault('text with NUL or half of a surrogate pair')
        at = end
        break
      }
      case 0x7b: // {
      case 0x5b: // [
        open.push({ isObject: text[at] === '{', members: 0 })
        if (open.length > limits.JSON_DEPTH) throw fault(`deeper than ${limits.JSON_DEPTH} levels`)
        if (!closesAtOnce(text, at)) count()
        break
      case 0x7d: // }
      case 0x5d: // ]
        open.pop()
        break
      case 0x2c: // ,
        count()
        break
    }
  }
}

/** The place of the closing quote, or the end of the text. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text.charCodeAt(at) !== 0x22) at += text.charCodeAt(at) === 0x5c ? 2 : 1
  return at
}

/** `[]` and `{}` have no member; anything else behind the bracket is the first one. */
function closesAtOnce(text: string, at: number): boolean {
  let next = at + 1
  while (' \n\r\t'.includes(text[next] ?? '.')) next++
  return text[next] === '}' || text[next] === ']'
}

const escaped = /\\(?:u([0-9a-fA-F]{4})|.)/gs

function hasUnkeepableEscape(text: string, start: number, end: number): boolean {
  const first = text.indexOf('\\u', start)
  if (first === -1 || first >= end) return false
  let expectsLowAt = -1
  for (const match of text.slice(start, end).matchAll(escaped)) {
    const code = match[1] === undefined ? null : Number.parseInt(match[1], 16)
    if (expectsLowAt !== -1 && (match.index !== expectsLowAt || code === null || !isLow(code))) return true
    const wasPair = expectsLowAt !== -1
    expectsLowAt = -1
    if (code === 0) return true
    if (code !== null && isHigh(code)) expectsLowAt = match.index + match[0].length
    else if (code !== null && isLow(code) && !wasPair) return true
  }
  return expectsLowAt !== -1
}

const isHigh = (code: number): boolean => code >= 0xd800 && code <= 0xdbff
const isLow = (code: number): boolean => code >= 0xdc00 && code <= 0xdfff
