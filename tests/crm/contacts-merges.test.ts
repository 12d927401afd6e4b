import { expect, test } from 'vitest'
import type { ContactView } from '../../src/contract/records.ts'
import {
  type ContactMergeView,
  type ListedMergeView,
  listedMergeView,
} from '../../src/contract/rest/contacts.ts'
import { purgeRecords } from '../../src/domain/retention/purge-records.ts'
import { asSuperuser } from '../cli/cli.ts'
import { startHub } from '../harness/hub.ts'
import { type Desk, openDesk } from './desk.ts'

const day = 86_400_000

interface Page {
  readonly data: ListedMergeView[]
  readonly nextCursor: string | null
}

const list = async (desk: Desk, query = '') => {
  const page = await desk.get<Page>(`contacts/merges${query}`)
  for (const one of page.data) listedMergeView.parse(one)
  return page
}
const idsOf = ({ data }: Page) => data.map(({ id }) => id)

async function merge(desk: Desk, id: number, otherId: number): Promise<ContactMergeView> {
  const answer = await desk.call<ContactView>('POST', `contacts/${id}/merge`, { otherId })
  expect(answer.status, JSON.stringify(answer.body)).toBe(200)
  return (answer.body as unknown as { merge: ContactMergeView }).merge
}

test('[PPL9] merges are listed newest first: who, when, which, until when they can be taken back and what has to go first', async () => {
  await using hub = await startHub({ DELETED_KEEP_DAYS: '30' })
  const desk = await openDesk(hub, { sub: 'ana' })
  const boss = await openDesk(hub, { role: 'manager' }, desk.api)
  const make = async (firstName: string) => (await desk.make<ContactView>('contacts', { firstName })).id
  const [one, two, three, four] = [
    await make('One'),
    await make('Two'),
    await make('Three'),
    await make('Four'),
  ]
  const first = await merge(desk, one, two)
  const second = await merge(boss, three, one)
  const until = (merged: ContactMergeView) => new Date(Date.parse(merged.mergedAt) + 30 * day).toISOString()
  const firstLine = { ...first, contactName: 'One', otherName: 'Two', undoableUntil: until(first) }
  const secondLine = { ...second, contactName: 'Three', otherName: 'One', undoableUntil: until(second) }
  expect((await list(desk)).data).toMatchObject([
    {
      ...secondLine,
      waitsFor: null,
      by: { kind: 'user', id: boss.actor.kind === 'user' ? boss.actor.id : '' },
    },
    {
      ...firstLine,
      waitsFor: second.id,
      by: { kind: 'user', id: desk.actor.kind === 'user' ? desk.actor.id : '' },
    },
  ])
  // What the list says is what undo does.
  expect((await desk.call('POST', `contacts/merges/${first.id}/undo`)).status).toBe(409)
  expect((await desk.call('POST', `contacts/merges/${second.id}/undo`)).status).toBe(200)
  expect((await list(desk)).data).toMatchObject([
    { id: second.id, undoableUntil: null, undoneAt: expect.any(String) },
    { id: first.id, undoableUntil: until(first), waitsFor: null },
  ])
  // A contact that was deleted since has to come back before.
  await desk.call('DELETE', `contacts/${one}`)
  expect((await list(desk)).data[1]).toMatchObject({ id: first.id, undoableUntil: null, waitsFor: null })
  expect((await desk.call('POST', `contacts/merges/${first.id}/undo`)).status).toBe(409)
  await desk.call('POST', `contacts/${one}/restore`)
  expect((await list(desk)).data[1]).toMatchObject({ undoableUntil: until(first) })

  const third = await merge(desk, four, three)
  expect(idsOf(await list(desk, `?contactId=${three}`))).toEqual([third.id, second.id])
  expect(idsOf(await list(desk, `?contactId=${two}`))).toEqual([first.id])
  const walked: string[] = []
  for (let cursor = ''; ; ) {
    const page = await list(desk, `?limit=1${cursor}`)
    walked.push(...idsOf(page))
    if (page.nextCursor === null) break
    cursor = `&cursor=${page.nextCursor}`
  }
  expect(walked).toEqual([third.id, second.id, first.id])

  const viewer = await openDesk(hub, { role: 'viewer' }, desk.api)
  expect(idsOf(await list(viewer))).toEqual(walked)
  const stranger = await openDesk(hub, { role: 'admin', tenant: (await hub.addTenant()).slug }, desk.api)
  expect(idsOf(await list(stranger))).toEqual([])
  for (const query of ['?contactId=x', '?colour=red', '?limit=0', `?contactId=${two}&cursor=eyJ4`])
    expect((await desk.call('GET', `contacts/merges${query}`)).status, query).toBe(400)
})

test('[PPL9] a merge is listed for as long as it can be taken back, and not when the other contact is gone for good', async () => {
  await using hub = await startHub({ DELETED_KEEP_DAYS: '30' })
  const desk = await openDesk(hub)
  const make = async (firstName: string) => (await desk.make<ContactView>('contacts', { firstName })).id
  const [one, two] = [await make('One'), await make('Two')]
  const { id } = await merge(desk, one, two)
  const back = (ms: number) =>
    asSuperuser(hub, (query) =>
      query('update contacts set deleted_at = now() - make_interval(secs => $1) where id = $2', [
        ms / 1000,
        two,
      ]),
    )
  await back(30 * day - 60_000)
  await purgeRecords(hub.deps, { atMost: 100 })
  const [line] = (await list(desk)).data
  expect(line?.id).toBe(id)
  expect(Date.parse(line?.undoableUntil ?? '')).toBeGreaterThan(Date.now())
  await back(30 * day + 60_000)
  expect(Date.parse((await list(desk)).data[0]?.undoableUntil ?? '')).toBeLessThan(Date.now())
  await purgeRecords(hub.deps, { atMost: 100 })
  expect((await list(desk)).data).toEqual([])
})
