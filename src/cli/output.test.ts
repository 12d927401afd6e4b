import { PassThrough } from 'node:stream'
import tty from 'node:tty'
import { afterEach, expect, test, vi } from 'vitest'
import { createOutput, moment, printable, spoken } from './output.ts'

/** A terminal as far as colours are concerned. */
function terminal() {
  const getColorDepth = (env?: object) => tty.WriteStream.prototype.getColorDepth.call(stream, env)
  const stream: tty.WriteStream = Object.assign(new PassThrough(), { isTTY: true, getColorDepth }) as never
  return { stream, said: () => (stream.read() as Buffer | null)?.toString() ?? '' }
}

afterEach(() => {
  vi.unstubAllEnvs()
})

const columns = [
  { title: 'NAME', cell: (row: { name: string; n: number | null }) => row.name, tone: () => 'ok' as const },
  { title: 'N', cell: (row: { name: string; n: number | null }) => row.n, align: 'right' as const },
]

test('a table is aligned, empty cells are a dash, and lines end where their text does', () => {
  vi.stubEnv('FORCE_COLOR', undefined)
  const stream = new PassThrough()
  const out = createOutput(false, stream as never, stream as never)
  out.table(
    [
      { name: 'a', n: 1 },
      { name: 'long name', n: 1000 },
      { name: '', n: null },
    ],
    columns,
    'none',
  )
  expect(String(stream.read())).toBe('NAME          N\na             1\nlong name  1000\n-             -\n')
  out.table([], columns, 'There are none.')
  expect(String(stream.read())).toBe('There are none.\n')
})

test('colours are for terminals, and not when NO_COLOR is set', () => {
  vi.stubEnv('FORCE_COLOR', undefined)
  vi.stubEnv('NO_COLOR', undefined)
  vi.stubEnv('CI', undefined)
  vi.stubEnv('TERM', 'xterm-256color')
  const colourful = terminal()
  createOutput(false, colourful.stream, colourful.stream).line('all is well', 'ok')
  expect(colourful.said()).toBe('\u001b[32mall is well\u001b[39m\n')
  vi.stubEnv('NO_COLOR', '1')
  const plain = terminal()
  createOutput(false, plain.stream, plain.stream).line('all is well', 'ok')
  expect(plain.said()).toBe('all is well\n')
})

test('what a terminal would obey is not printed: names come from strangers', () => {
  expect(printable('a\u001b[2Jb\nc\u202Ed')).toBe('a\uFFFD[2Jb\uFFFDc\uFFFDd')
  const { stream, said } = terminal()
  createOutput(false, stream, stream).table([{ name: '\u001b]0;x\u0007', n: 1 }], columns, '')
  expect(said()).not.toContain('\u001b]')
})

test('with --json the answer is one document, and nothing is laid out', () => {
  const stream = new PassThrough()
  createOutput(true, stream as never, stream as never).answer({ a: 1 }, () => expect.unreachable())
  expect(String(stream.read())).toBe('{\n  "a": 1\n}\n')
})

test.each([
  [0.4, '0 s'],
  [99, '99 s'],
  [100, '2 min'],
  [5999, '100 min'],
  [6000, '2 h'],
  [172_799, '48 h'],
  [172_800, '2 d'],
])('%f seconds are spoken of as %s', (seconds, text) => expect(spoken(seconds)).toBe(text))

test('an instant is told in UTC to the second', () => {
  expect(moment('2026-11-21T07:06:19.123Z')).toBe('2026-11-21 07:06:19Z')
  expect(moment(null)).toBeNull()
})
