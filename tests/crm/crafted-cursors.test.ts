import { expect, test } from 'vitest'
import { encodeCursor } from '../../src/http/cursor.ts'
import { sortKeys, type SortType } from '../../src/domain/records/sort-keys.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { buildChannel, buildConversation, customerWrites } from '../harness/crowd.ts'
import { startHub } from '../harness/hub.ts'
import { startRestOf } from '../harness/rest-client.ts'

const times = ['2026-11-21 14:47:00+00', '1900-01-01 00:00:00.000001+00', '9999-12-31 23:59:59.999+00']
const noTimes = [
  'abc',
  '',
  'now',
  'yesterday',
  '-infinity',
  '2026-11-21',
  '2026-02-30 00:00:00+00',
  '2026-13-01 00:00:00+00',
  '0000-01-01 00:00:00+00',
  '2026-11-21 25:00:00+00',
  '2026-11-21 14:47:00+99',
  '99999-11-21 14:47:00+00',
  '2026-11-21 14:47:00+00\0',
]

/** What the database writes for a value, and what it could not read back, or not as that. */
const cases: Readonly<Record<SortType, { readonly good: string[]; readonly bad: string[] }>> = {
  timestamptz: { good: [...times, 'infinity'], bad: noTimes },
  date: {
    good: ['2026-11-21', '2024-02-29', 'infinity'],
    bad: ['abc', '', 'today', '2026-02-29', '2026-13-01', '0000-01-01', '2026-11-21 14:47:00+00'],
  },
  bigint: {
    good: ['-1', '0', '999999999999999999'],
    bad: ['abc', '', '1.5', '1e3', 'NaN', '99999999999999999999'],
  },
  integer: {
    good: ['-1', '0', '2147483647', '-2147483648'],
    bad: ['abc', '', '1.5', '2147483648', '-2147483649'],
  },
  text: { good: ['', 'abc', "'); --", 'ß😀'], bad: ['\0', 'a\0b'] },
}

/** A list of each type that something is sorted by. */
const lists: readonly (readonly [type: SortType, path: string, sort: string, order: string])[] = [
  ['timestamptz', 'deals', 'createdAt', 'desc'],
  ['timestamptz', 'activities', 'dueAt', 'asc'],
  ['date', 'deals', 'expectedCloseOn', 'asc'],
  ['bigint', 'deals', 'value', 'desc'],
  ['integer', 'pipeline-stages', 'position', 'asc'],
  ['text', 'deals', 'title', 'asc'],
  ['text', 'contacts', 'name', 'asc'],
]

test('[REST7] a cursor that somebody made themselves says a value of its sort, or is refused', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const { token } = await hub.signIn('manager')
  const at = async (path: string, cursor: string, shown: string) => {
    const { status, body, text } = await rest.call<{ errors?: { pointer: string }[] }>(
      'GET',
      `/admin/${path}${path.includes('?') ? '&' : '?'}cursor=${cursor}`,
      { token },
    )
    expect([200, 400], `${shown}: ${text}`).toContain(status)
    return status === 200 ? 'read' : body.errors?.map(({ pointer }) => pointer).join()
  }
  expect(new Set(lists.map(([type]) => type))).toEqual(new Set(Object.keys(sortKeys)))
  for (const [type, path, sort, order] of lists) {
    const ask = (key: string) => {
      const cursor = encodeCursor(`${path} ${sort} ${order}`, [key, 5])
      return at(`${path}?sort=${sort}&order=${order}`, cursor, `${path} ${sort} ${JSON.stringify(key)}`)
    }
    for (const key of cases[type].good) expect(await ask(key), `${path} ${sort} ${key}`).toBe('read')
    for (const key of cases[type].bad) expect(await ask(key), `${path} ${sort} ${key}`).toBe('/cursor')
  }

  const made = await rest.call<{ data: { id: number } }>('POST', '/admin/contacts', {
    token,
    json: { firstName: 'Cleo' },
  })
  const { id } = made.body.data
  const story = (key: string, last = 'x') =>
    at(`contacts/${id}/timeline`, encodeCursor(`timeline ${id} `, [key, 'note', last]), key)
  for (const key of times) expect(await story(key), key).toBe('read')
  for (const key of noTimes) expect(await story(key), key).toBe('/cursor')
  expect(await story(times[0] ?? '', 'a\0b')).toBe('/cursor')
})

test('[REST7] so are the cursors of conversations, messages and whatever else is walked in an order of its own', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const { token } = await hub.signIn('admin')
  const { id } = await buildConversation(hub, await buildChannel(hub))
  await customerWrites(hub, id, 'word')
  const stage = await rest.call<{ data: { id: number }[] }>('GET', '/admin/pipeline-stages', { token })
  const deal = await rest.call<{ data: { id: number } }>('POST', '/admin/deals', {
    token,
    json: { title: 'roof', stageId: stage.body.data[0]?.id },
  })
  const other = uuidv7()
  const texts: readonly (readonly [path: string, kind: string, after: readonly (string | number)[]])[] = [
    ['/admin/users?', 'users', [other]],
    ['/admin/teams?', 'teams', [other]],
    ['/api/v1/templates?', 'templates', ['en', other]],
  ]
  const moments: typeof texts = [
    ['/api/v1/conversations?', 'conversations', [other]],
    ['/api/v1/search?q=word&', 'search messages', [other]],
  ]
  const changes = `/admin/deals/${deal.body.data.id}/stage-changes?`
  const asked = (path: string, member: string, cursor: string) =>
    rest.call<{ errors?: { pointer: string }[] }>('GET', `${path}${member}=${cursor}`, { token })
  const answers = async (
    path: string,
    kind: string,
    key: string,
    after: readonly (string | number)[],
    member = 'cursor',
  ) => {
    const { status, body, text } = await asked(path, member, encodeCursor(kind, [key, ...after]))
    expect([200, 400], `${path} ${JSON.stringify(key)}: ${text}`).toContain(status)
    return status === 200 ? 'read' : body.errors?.map(({ pointer }) => pointer).join()
  }
  for (const [path, kind, after] of texts) {
    for (const key of cases.text.good) expect(await answers(path, kind, key, after), key).toBe('read')
    for (const key of cases.text.bad) expect(await answers(path, kind, key, after), path).toBe('/cursor')
  }
  for (const [path, kind, after] of moments) {
    for (const key of times) expect(await answers(path, kind, key, after), key).toBe('read')
    for (const key of noTimes) expect(await answers(path, kind, key, after), `${path} ${key}`).toBe('/cursor')
  }
  for (const member of ['before', 'after']) {
    const messages = (key: string) =>
      answers(`/api/v1/conversations/${id}/messages?`, 'messages', key, [1], member)
    for (const key of times) expect(await messages(key), key).toBe('read')
    for (const key of noTimes) expect(await messages(key), `${member} ${key}`).toBe('/cursor')
  }
  expect(await answers(changes, 'stage changes', '2026-11-21T14:47:00.000Z', [other])).toBe('read')
  for (const key of [...noTimes, '0000-01-01T00:00:00.000Z', '2026-02-30T00:00:00.000Z'])
    expect(await answers(changes, 'stage changes', key, [other]), key).toBe('/cursor')
  const duplicates = encodeCursor('duplicates ', ['name', 'a\0b'])
  expect((await asked('/admin/contacts/duplicates?', 'cursor', duplicates)).status).toBe(400)
})
