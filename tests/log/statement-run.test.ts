import { afterAll, beforeAll, expect, test } from 'vitest'
import { CorkedClient } from '../../src/platform/corked-client.ts'
import type { Statement } from '../../src/platform/statement-run.ts'
import { createDatabase } from '../harness/database.ts'

let client: CorkedClient
const one = { name: 'one', text: 'select $1::int as n, $2::text as t, null::text as nothing' }
const fails = { name: 'fails', text: 'select 1 / $1::int as n' }

beforeAll(async () => {
  client = new CorkedClient({ connectionString: (await createDatabase()).url, pipeline: true })
  await client.connect()
})
afterAll(() => client.end())

/** Asks for all in one turn. */
const ask = (statements: readonly Statement[], from = client) =>
  Promise.all(statements.map((one) => from.ask(one)))

test('statements under one Sync answer in their order, the first time and when they are known', async () => {
  for (let time = 0; time < 3; time++) {
    const found = await ask([
      { name: 'begin', text: 'begin' },
      { ...one, values: [time, 'ü'] },
      { name: 'none', text: 'select 1 as n where false' },
      { text: 'select $1::jsonb as j', values: [JSON.stringify({ a: [time] })] },
      { ...one, values: [time + 1, null] },
      { name: 'commit', text: 'commit' },
    ])
    expect(found.map(({ rows }) => rows)).toEqual([
      [],
      [{ n: time, t: 'ü', nothing: null }],
      [],
      [{ j: { a: [time] } }],
      [{ n: time + 1, t: null, nothing: null }],
      [],
    ])
    expect(found.map(({ command, rowCount }) => [command, rowCount])).toEqual([
      ['BEGIN', null],
      ['SELECT', 1],
      ['SELECT', 0],
      ['SELECT', 1],
      ['SELECT', 1],
      ['COMMIT', null],
    ])
  }
})

test('what is asked stays before what is queried after it, and behind what was queried before', async () => {
  const first = client.query(
    'begin; create temp table turns (n int) on commit drop; insert into turns values (1)',
  )
  const second = client.ask({
    name: 'turn',
    text: 'insert into turns select max(n) + 1 from turns returning n',
  })
  const third = client.query('insert into turns select max(n) + 1 from turns returning n')
  const fourth = client.ask({
    name: 'turn',
    text: 'insert into turns select max(n) + 1 from turns returning n',
  })
  const end = client.query('commit')
  await first
  expect([(await second).rows, (await third).rows, (await fourth).rows]).toEqual([
    [{ n: 2 }],
    [{ n: 3 }],
    [{ n: 4 }],
  ])
  await end
})

test('[LOG3] the first that fails fails all, what stands behind it is not done, and the next ones work', async () => {
  await client.query('create table if not exists marks (n int)')
  const mark = { name: 'mark', text: 'insert into marks values ($1)' }
  const later = { name: 'later', text: 'select count(*)::int as n from marks where n < $1' }
  for (let time = 0; time < 2; time++) {
    // `mark` and `later` are new to the connection the first time: behind the fault they are never parsed.
    const run = ask([
      { ...one, values: [1, 'a'] },
      { ...fails, values: [0] },
      { ...mark, values: [1] },
      { ...later, values: [9] },
    ])
    await expect(run).rejects.toMatchObject({ code: '22012' })
    expect((await client.ask({ ...one, values: [2, 'b'] })).rows).toEqual([{ n: 2, t: 'b', nothing: null }])
  }
  const [, found] = await ask([
    { ...mark, values: [5] },
    { ...later, values: [9] },
  ])
  expect(found?.rows).toEqual([{ n: 1 }])
})

test('a statement that the server does not understand fails with its turn, each time, and the next turn works', async () => {
  const wrong = { name: 'wrong', text: 'select frm nowhere' }
  for (let time = 0; time < 2; time++) {
    const turn = [client.ask(wrong), client.ask({ ...one, values: [3, 'c'] })]
    for (const { status } of await Promise.allSettled(turn)) expect(status).toBe('rejected')
    expect((await client.ask({ ...one, values: [3, 'c'] })).rows).toHaveLength(1)
  }
})

test('a value that cannot be sent fails alone, and nothing of it is sent', async () => {
  const circle: Record<string, unknown> = {}
  circle['itself'] = circle
  const [before, bad, after] = await Promise.allSettled([
    client.ask({ ...one, values: [1, 'a'] }),
    client.ask({ ...one, values: [circle, 'b'] }),
    client.ask({ ...one, values: [6, 'f'] }),
  ])
  expect([before.status, bad.status, after.status]).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(bad).toMatchObject({ reason: { message: expect.stringContaining('circular') } })
})

test('what stands before a failure in its turn was answered, what stands behind it fails for the same reason', async () => {
  await client.query('begin')
  const turn = await Promise.allSettled([
    client.ask({ ...one, values: [1, 'a'] }),
    client.ask({ ...fails, values: [0] }),
    client.ask({ ...one, values: [2, 'b'] }),
  ])
  await client.query('rollback')
  expect(turn).toMatchObject([
    { status: 'fulfilled', value: { rows: [{ n: 1 }] } },
    { status: 'rejected', reason: { code: '22012' } },
    { status: 'rejected', reason: { code: '22012' } },
  ])
})

test('a statement whose columns changed under it says so, and never reads a row as it was', async () => {
  await client.query('create table if not exists shapes (a int, b text)')
  await client.query(`insert into shapes values (1, 'b')`)
  const all = { name: 'shapes', text: 'select * from shapes' }
  for (let time = 0; time < 2; time++) expect((await client.ask(all)).rows).toEqual([{ a: 1, b: 'b' }])
  await client.query('alter table shapes alter column a type text, add column c int default 3')
  await expect(client.ask(all)).rejects.toThrow(/cached plan must not change result type/)
})

test('a value that cannot be read fails its statement and not the connection', async () => {
  const odd = await createDatabase()
  const strict = new CorkedClient({
    connectionString: odd.url,
    pipeline: true,
    types: {
      getTypeParser: () => (text: string) => {
        if (text === 'bad') throw new Error('cannot be read')
        return text
      },
    },
  })
  await strict.connect()
  const echo = { name: 'echo', text: 'select $1::text as t' }
  await expect(strict.ask({ ...echo, values: ['bad'] })).rejects.toThrow('cannot be read')
  expect((await strict.ask({ ...echo, values: ['good'] })).rows).toEqual([{ t: 'good' }])
  await strict.end()
})

test('an answer that does not come in time fails, and nothing waits behind it for ever', async () => {
  const { url } = await createDatabase()
  const slow = new CorkedClient({ connectionString: url, pipeline: true, query_timeout: 50 })
  slow.on('error', () => {})
  await slow.connect()
  const turn = ask(
    [
      { name: 'sleep', text: 'select pg_sleep($1)', values: [30] },
      { ...one, values: [1, 'a'] },
    ],
    slow,
  )
  await expect(turn).rejects.toThrow('Query read timeout')
  await expect(slow.ask({ ...one, values: [1, 'a'] })).rejects.toThrow(/not queryable|Connection terminated/)
})
