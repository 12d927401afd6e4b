import { type Maker, pick } from './schema-values.ts'

/** JSON text that is put where a value was, as it is: some of it no value of JavaScript can say. */
export class Raw {
  readonly json: string
  constructor(json: string) {
    this.json = json
  }
}

const deep = (opening: string, closing: string, depth: number): string =>
  opening.repeat(depth) + closing.repeat(depth)

/** What people send who mean no good, or whose program is broken. */
export const hostileJson: readonly Raw[] = [
  'null',
  'true',
  '""',
  '" "',
  '[]',
  '{}',
  '[[]]',
  '[{}]',
  '-1',
  '0',
  '-0',
  '0.5',
  '1e308',
  '1e999',
  '-1e999',
  '2147483648',
  '-2147483649',
  '9007199254740993',
  '99999999999999999999999999',
  '"\\u0000"',
  '"a\\u0000b"',
  '"\\ud800"',
  '"\\udfff\\ud800"',
  '"\\u202e\\ufeff"',
  '"\'; drop table customers; --"',
  '"\\" or 1=1"',
  '"%"',
  '"\\\\"',
  '"${7*7}{{7*7}}"',
  '"=cmd|\' /C calc\'!A0"',
  '"../../../etc/passwd"',
  '"<script>alert(1)</script>"',
  '"__proto__"',
  '"constructor"',
  '"toString"',
  '{"__proto__":{"isAdmin":true}}',
  '{"constructor":{"prototype":{"isAdmin":true}}}',
  '{"toString":1,"hasOwnProperty":1}',
  '{"length":1e9}',
  '{"$ne":null}',
  '"9999-12-31T23:59:59.999Z"',
  '"0000-00-00"',
  '"+275760-09-13T00:00:00.001Z"',
  '"2026-02-30"',
  '"NaN"',
  '"Infinity"',
  '"00000000-0000-0000-0000-00000000000g"',
  '"ffffffff-ffff-ffff-ffff-ffffffffffff"',
  `"${'x'.repeat(300)}"`,
  `"${'ä'.repeat(70_000)}"`,
  deep('[', ']', 20),
  '{"a":{"a":{"a":{"a":{}}}}}',
  `[${'0,'.repeat(2000)}0]`,
].map((json) => new Raw(json))

/** What can stand in a path or a query, not yet encoded. */
export const hostileTexts: readonly string[] = [
  '',
  ' ',
  '0',
  '-1',
  '01',
  '1.5',
  '1e3',
  '2147483648',
  '99999999999999999999',
  'null',
  'undefined',
  'true',
  '[object Object]',
  '\0',
  'a\0b',
  '\ud83d',
  '\u202e',
  "'; drop table customers; --",
  '" or 1=1',
  '%',
  '%00',
  '\\',
  '..',
  '../..',
  'a/b',
  '__proto__',
  'constructor',
  'toString',
  'me',
  'none',
  '00000000-0000-0000-0000-000000000000',
  'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF',
  '01912d68-783e-7a03-8467-5661c1243ad',
  '0001-01-01T00:00:00Z',
  '9999-12-31',
  '1:0',
  '1:99999999999999999999',
  'e30',
  'eyJhIjoxfQ',
  '😀',
  'x'.repeat(1025),
  'x'.repeat(6000),
]

export const hostileHeaders: readonly Readonly<Record<string, string>>[] = [
  { 'if-match': '*' },
  { 'if-match': '"1"' },
  { 'if-match': 'W/"1"' },
  { 'if-match': '"999999999999999999"' },
  { 'if-match': 'nonsense' },
  { 'if-match': '"a", "b", ,' },
  { 'if-match': `"${'1'.repeat(2000)}"` },
  { 'if-none-match': '*' },
  { 'idempotency-key': 'x' },
  { 'idempotency-key': ' ' },
  { 'idempotency-key': 'x'.repeat(256) },
  { 'idempotency-key': "'; drop table idempotency_keys; --" },
  { 'x-request-id': '../../etc' },
  { 'x-request-id': 'x'.repeat(500) },
  { origin: 'https://evil.example' },
  { 'x-forwarded-for': "1.2.3.4, '; --" },
  { 'x-http-method-override': 'DELETE' },
  { accept: 'application/xml' },
  { 'accept-encoding': 'nonsense;q=9' },
  { range: 'bytes=0-0' },
  { cookie: 'saubh_token=%' },
  { authorization: 'Basic eDp5' },
  { authorization: 'Bearer' },
  { authorization: 'Bearer sb_x' },
  { authorization: 'Bearer eyJhbGciOiJub25lIn0.e30.' },
]

/** Whole bodies that are no JSON, not in our form, or not what they say. */
export const hostileBodies: readonly {
  readonly type: string | null
  readonly raw: string | Uint8Array<ArrayBuffer>
}[] = [
  { type: 'application/json', raw: '' },
  { type: 'application/json', raw: '{' },
  { type: 'application/json', raw: '{"a":1,}' },
  { type: 'application/json', raw: '{"a":1}{"a":2}' },
  { type: 'application/json', raw: 'null' },
  { type: 'application/json', raw: '7' },
  { type: 'application/json', raw: '"text"' },
  { type: 'application/json', raw: '[]' },
  { type: 'application/json', raw: '{"a":NaN}' },
  { type: 'application/json', raw: new Uint8Array([0x22, 0xff, 0xfe, 0x22]) },
  { type: 'application/json', raw: deep('[', ']', 5000) },
  {
    type: 'application/json',
    raw: `{${Array.from({ length: 3000 }, (_, place) => `"k${place}":0`).join(',')}}`,
  },
  { type: 'application/json', raw: `{"a":"${'x'.repeat(2_000_000)}"}` },
  { type: 'application/json; charset=latin1', raw: '{}' },
  { type: 'application/x-www-form-urlencoded', raw: 'a=1&__proto__[x]=1' },
  { type: 'text/plain', raw: '{}' },
  { type: 'application/xml', raw: '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>' },
  { type: 'multipart/form-data; boundary=x', raw: '--x\r\n\r\n--x--' },
  { type: 'nonsense', raw: '{}' },
  { type: null, raw: new Uint8Array([1, 2, 3]) },
]

/** A JSON text of the value in which one place, chosen at random, holds something hostile of at most so many characters. */
export function spoiled(
  value: unknown,
  { random }: Pick<Maker, 'random'>,
  most = Number.POSITIVE_INFINITY,
): string {
  const places = placesIn(value)
  const at = pick(random, places)
  const bad = pick(
    random,
    hostileJson.filter(({ json }) => json.length <= most),
  )
  if (random() < 0.15)
    return withMember(value, pick(random, ['__proto__', 'constructor', 'unknownMember', '', '$where']), bad)
  return written(value, [], at, bad)
}

function placesIn(value: unknown, path: readonly string[] = []): string[][] {
  const here = [[...path]]
  if (typeof value !== 'object' || value === null) return here
  return [...here, ...Object.entries(value).flatMap(([name, member]) => placesIn(member, [...path, name]))]
}

function written(value: unknown, path: readonly string[], at: readonly string[], bad: Raw): string {
  if (path.length === at.length && path.every((step, place) => step === at[place])) return bad.json
  if (Array.isArray(value))
    return `[${value.map((item, place) => written(item, [...path, String(place)], at, bad)).join(',')}]`
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .map(([name, member]) => `${JSON.stringify(name)}:${written(member, [...path, name], at, bad)}`)
      .join(',')}}`
  return JSON.stringify(value)
}

function withMember(value: unknown, name: string, bad: Raw): string {
  const text = JSON.stringify(value)
  if (!text.startsWith('{')) return bad.json
  return `{${JSON.stringify(name)}:${bad.json}${text === '{}' ? '' : ','}${text.slice(1)}`
}
