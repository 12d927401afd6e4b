import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { csvLine, guard, unguard } from './csv-text.ts'
import { type CsvRow, readCsv, UnreadableCsv } from './csv-reader.ts'
import { joinNames, splitNames } from './name-list.ts'

const limits = { cellChars: 100, columns: 4 }

async function read(text: string | Uint8Array, pieces = 1): Promise<CsvRow[]> {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
  const size = Math.max(1, Math.ceil(bytes.length / pieces))
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  }
  const rows: CsvRow[] = []
  for await (const row of readCsv(chunks(), limits)) rows.push(row)
  return rows
}

const cellsOf = (rows: readonly CsvRow[]) => rows.map(({ cells }) => cells)

describe('reading CSV', () => {
  test('[CSV1] whatever was written is read again, however the bytes are cut', async () => {
    const cell = fc.oneof(fc.string({ maxLength: 12 }), fc.stringMatching(/^['"=+\-@,;\r\n\tä€😀x ]{0,8}$/u))
    const rows = fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(rows, fc.integer({ min: 1, max: 40 }), async (given, pieces) => {
        const clean = given.map((row) => row.map((text) => text.toWellFormed().replaceAll('\0', '')))
        const text = `a,b\r\n${clean.map(csvLine).join('')}`
        const found = await read(text, pieces)
        expect(found.map(({ fault }) => fault)).toEqual(found.map(() => null))
        expect(
          cellsOf(found)
            .slice(1)
            .map((row) => row.map(unguard)),
        ).toEqual(clean)
      }),
      { numRuns: 300 },
    )
  })

  test('[CSV1] line breaks of every kind, a byte order mark, semicolons and empty lines are understood', async () => {
    for (const lineBreak of ['\n', '\r\n', '\r']) {
      const rows = await read(`\uFEFFa;b${lineBreak}${lineBreak}"1\n2";"say ""hi"""${lineBreak},;`, 7)
      expect(rows.map(({ line, cells }) => [line, ...cells])).toEqual([
        [1, 'a', 'b'],
        [3, '1\n2', 'say "hi"'],
        [5, ',', ''],
      ])
    }
    expect(cellsOf(await read('a\tb\n1\t2'))).toEqual([
      ['a', 'b'],
      ['1', '2'],
    ])
    expect(await read('')).toEqual([])
  })

  test('[CSV2] a row that is malformed or too large is told by its line, cut, and reading goes on', async () => {
    const long = 'x'.repeat(1_000_000)
    const rows = await read(
      `a,b\n1,2"3\n"x"y,1\n\0,1\n${long},1\n1,2,3,4,5\n${'x'.repeat(100)},2,3,4\n"open,\n`,
      99,
    )
    expect(rows.map(({ line, fault }) => [line, fault])).toEqual([
      [1, null],
      [2, 'a quotation mark in the middle of a cell'],
      [3, 'text behind a closing quotation mark'],
      [4, 'a zero character'],
      [5, 'a cell with more than 100 characters'],
      [6, 'more than 4 columns'],
      [7, null],
      [8, 'a quotation mark that is never closed'],
    ])
    expect(Math.max(...rows.flatMap(({ cells }) => cells.map((cell) => cell.length)))).toBe(100)
  })

  test('[CSV2] what is not UTF-8 is refused in words', async () => {
    for (const encoding of ['latin1', 'utf16le'] as const)
      await expect(read(Buffer.from('\uFEFFname\nJürgen €', encoding))).rejects.toThrow(UnreadableCsv)
  })
})

test('[CSV3] nothing that goes out begins like a formula, and it comes back as it was', () => {
  for (const text of ['=1+1', '+4917012345', '-1', '@SUM(A1)', '\t=1', '\r=1', "'=1", "''+1", '＝1'])
    expect([guard(text), unguard(guard(text))]).toEqual([`'${text}`, text])
  for (const text of ["'tis", 'a=b', '', "O'Neill"])
    expect([guard(text), unguard(text)]).toEqual([text, text])
  fc.assert(fc.property(fc.string(), (text) => unguard(guard(text)) === text))
})

test('names in one cell come back as they were', () => {
  const name = fc
    .string({ minLength: 1, maxLength: 8 })
    .map((text) => text.trim())
    .filter((text) => text !== '')
  fc.assert(
    fc.property(fc.array(name), (names) => {
      expect(splitNames(joinNames(names))).toEqual(names)
    }),
  )
})
