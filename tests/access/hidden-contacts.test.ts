import { expect, test } from 'vitest'
import type { ContactView } from '../../src/contract/records.ts'
import { bring, errorsOf, openWithWorkers } from '../crm/bringing.ts'
import { buildChannel, buildContact, buildConversation } from '../harness/crowd.ts'
import { hidePerson, phone } from './hidden-person.ts'

test('[NEAR2] who wants an address that somebody has whom they do not see is told that it is taken, and not whose it is', async () => {
  const { hub, admin, ana, ben, contactId, call } = await hidePerson(openWithWorkers)
  await using _ = hub
  const mine = await call<{ data: ContactView }>(ben, 'POST', 'contacts', { firstName: 'Bo' })
  const own = `contacts/${mine.body.data.id}`
  for (const isDeleted of [false, true]) {
    if (isDeleted) await call(admin, 'DELETE', `contacts/${contactId}`)
    for (const [method, path, json] of [
      ['POST', 'contacts', { firstName: 'X', phone: `+${phone}` }],
      ['POST', 'contacts', { firstName: 'X', identities: [{ kind: 'wa_id', value: phone }] }],
      ['PATCH', own, { phone: `+${phone}` }],
      ['PUT', own, { firstName: 'X', phone: `+${phone}` }],
      ['POST', `${own}/identities`, { kind: 'phone', value: phone }],
    ] as const) {
      const refused = await call(ben, method, path, json)
      expect(refused.status, `${method} ${path}`).toBe(409)
      expect(refused.body, `${method} ${path}`).toMatchObject({
        code: 'conflict',
        details: { member: 'identities', identity: { value: phone } },
      })
      expect(Object.keys(refused.body['details'] as object).sort()).toEqual(['identity', 'member'])
      for (const secret of ['Heliotrope', 'secret.example', 'contactId'])
        expect(refused.text).not.toContain(secret)
    }
    const told = await call(ana, 'POST', 'contacts', { firstName: 'X', phone: `+${phone}` })
    expect([told.status, told.body]).toMatchObject([409, { details: { contactId, deleted: isDeleted } }])
  }
})

test('[NEAR2] a merge that was taken back names nobody who is out of sight again', async () => {
  const { hub, rest, admin, ana, ben, contactId, call } = await hidePerson(openWithWorkers)
  await using _ = hub
  const met = await buildConversation(hub, await buildChannel(hub))
  const merged = await call<{ merge: { id: string } }>(admin, 'POST', `contacts/${met.contactId}/merge`, {
    otherId: contactId,
  })
  const listed = async (token: string) => {
    const { status, body, text } = await call<{ data: { otherName: string }[] }>(
      token,
      'GET',
      'contacts/merges',
    )
    expect(status, text).toBe(200)
    return body.data.map(({ otherName }) => otherName)
  }
  // One of their numbers is open, so it is everybody's to see who they are.
  for (const token of [ana, ben]) expect(await listed(token)).toEqual(['Heliotrope Müller'])
  await call(admin, 'POST', `contacts/merges/${merged.body.merge.id}/undo`)
  expect(await listed(ana)).toEqual(['Heliotrope Müller'])
  expect(await listed(ben)).toEqual([])
  for (const query of ['', `?contactId=${met.contactId}`, `?contactId=${contactId}`])
    expect((await rest.call('GET', `/admin/contacts/merges${query}`, { token: ben })).text).not.toContain(
      'Heliotrope',
    )
})

test('[NEAR2] a file changes nobody whom its bringer does not see, and says no more of them than of nobody', async () => {
  const { hub, rest, admin, ana, ben, contactId, call } = await hidePerson(openWithWorkers)
  await using _ = hub
  const before = (await call(admin, 'GET', `contacts/${contactId}`)).text
  const byId = (id: number) => `id,firstName\n${id},Eve\n`
  const complaint = async (token: string, file: string, upsertKey: string) => {
    const done = await bring(rest, token, file, { entity: 'contact', upsertKey })
    expect([done.created, done.updated, done.failed], await errorsOf(rest, token, done.id)).toEqual([0, 0, 1])
    return errorsOf(rest, token, done.id)
  }
  expect(await complaint(ben, byId(contactId), 'id')).toBe(await complaint(ben, byId(2_000_000_000), 'id'))
  const taken = await complaint(ben, `phone,firstName\n+${phone},Eve\n`, 'phone')
  expect(taken).toContain('somebody else has this address')
  expect(taken).not.toContain(`${contactId}`)
  // E-mail addresses may be several people's; so this is a new one of them.
  const email = 'email,firstName\nzoe@secret.example,Eve\n'
  expect(await bring(rest, ben, email, { entity: 'contact', upsertKey: 'email' })).toMatchObject({
    created: 1,
    updated: 0,
  })
  expect((await call(admin, 'GET', `contacts/${contactId}`)).text).toBe(before)
  for (const [file, upsertKey] of [
    [byId(contactId), 'id'],
    [`phone,firstName\n+${phone},Eva\n`, 'phone'],
  ] as const)
    expect(await bring(rest, ana, file, { entity: 'contact', upsertKey }), upsertKey).toMatchObject({
      updated: 1,
    })
}, 60_000)

test('[NEAR3] who sees somebody by an open number does not find them by a closed one, in lists and exports', async () => {
  const { hub, rest, admin, ana, ben, call } = await hidePerson(openWithWorkers)
  await using _ = hub
  const [open, closed] = [await buildChannel(hub), await buildChannel(hub)]
  await rest.call('PUT', `/api/v1/channels/${closed}/members`, {
    token: admin,
    json: { membersOnly: true, memberIds: [(await hub.signIn('agent', { sub: 'ana' })).actor.id] },
  })
  const both = await buildContact(hub, { firstName: 'Bothways' })
  await buildConversation(hub, open, both)
  await buildConversation(hub, closed, both)
  const apart = await buildConversation(hub, open)
  const found = async (token: string, query: string) => {
    const { status, body, text } = await call<{ data: ContactView[] }>(token, 'GET', `contacts?${query}`)
    expect(status, text).toBe(200)
    const file = await rest.call('GET', `/admin/contacts/export?${query}`, { token })
    expect(file.status).toBe(200)
    expect(file.text.trim().split('\n')).toHaveLength(1 + body.data.length)
    return body.data.map(({ id }) => id).sort((one, other) => one - other)
  }
  const all = [both, apart.contactId]
  for (const token of [ana, admin, (await hub.signIn('viewer')).token]) {
    expect(await found(token, `channel=${closed}`)).toEqual([both])
    expect(await found(token, `channel=${closed.toUpperCase()}`)).toEqual([both])
    expect(await found(token, `channel=${open},${closed}`)).toEqual(all)
  }
  for (const query of [closed, closed.toUpperCase(), `${closed},${closed}`])
    expect(await found(ben, `channel=${query}`), query).toEqual([])
  expect(await found(ben, `channel=${open}`)).toEqual(all)
  expect(await found(ben, `channel=${open},${closed}`)).toEqual(all)
  expect(await found(ben, `channel=${closed}&q=Bothways`)).toEqual([])
  expect(await found(ben, 'q=Bothways')).toEqual([both])
})
