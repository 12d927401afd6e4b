import pg from 'pg'
import { expect, test } from 'vitest'
import { integersOf } from './integers-of.ts'

const int4Array = 1007 as number
const byPg: (text: string) => unknown = pg.types.getTypeParser(int4Array)

test.each(['{}', '{0}', '{7}', '{3,17,2147483647}', '{-3,17}', '{NULL,2}', '{{1,2},{3,4}}', '[0:1]={5,6}'])(
  'whole numbers are read as pg reads them: %s',
  (text) => {
    expect(integersOf(text, byPg)).toEqual(byPg(text))
  },
)

test('what has nothing but ids in it is read without asking pg', () => {
  const asked: string[] = []
  const others = (text: string) => asked.push(text)
  expect(integersOf('{12,3}', others)).toEqual([12, 3])
  expect(integersOf('{}', others)).toEqual([])
  expect(asked).toEqual([])
  integersOf('{-1}', others)
  expect(asked).toEqual(['{-1}'])
})
