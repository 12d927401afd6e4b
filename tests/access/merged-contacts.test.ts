import { expect, test } from 'vitest'
import { startGateway } from '../../gateway/server.ts'
import { commandHandlers } from '../../src/command-handlers.ts'
import type { DealView } from '../../src/contract/crm/deal.ts'
import type { PipelineStageView } from '../../src/contract/crm/pipeline.ts'
import { formatPosition } from '../../src/contract/position.ts'
import type { ContactView } from '../../src/contract/records.ts'
import type { TimelineItem } from '../../src/contract/rest/contacts.ts'
import { resolvePeople } from '../../src/domain/contacts/resolve-people.ts'
import { purgeRecords } from '../../src/domain/retention/purge-records.ts'
import { readHead } from '../../src/log/read.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { buildChannel, buildContact, buildConversation } from '../harness/crowd.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import { startRestOf } from '../harness/rest-client.ts'
import { TestClient } from '../harness/socket-client.ts'
import { hidePerson, phone } from './hidden-person.ts'

test('[NEAR2] the story of who went on in a merge that was taken back tells nothing of the other one to who does not see them', async () => {
  const { hub, admin, ana, ben, contactId, call } = await hidePerson(startRestOf)
  await using _ = hub
  const met = await buildConversation(hub, await buildChannel(hub))
  const merge = () =>
    call<{ merge: { id: string } }>(admin, 'POST', `contacts/${met.contactId}/merge`, { otherId: contactId })
  const story = async (token: string, id = met.contactId) => {
    const path = `contacts/${id}/timeline?kind=edit`
    const { status, body, text } = await call<{ data: TimelineItem[] }>(token, 'GET', path)
    expect(status, text).toBe(200)
    return { text, told: body.data.map((line) => (line.kind === 'edit' ? line.edit.action : line.kind)) }
  }
  const first = await merge()
  await call(admin, 'PATCH', `contacts/${met.contactId}`, { title: 'CEO' })
  for (const token of [ana, ben])
    expect((await story(token)).told).toEqual(['contact.update', 'contact.merge'])
  await call(admin, 'POST', `contacts/merges/${first.body.merge.id}/undo`)
  const parted = ['contact.unmerge', 'contact.update', 'contact.merge']
  for (const token of [admin, ana]) expect((await story(token)).told).toEqual(parted)
  expect((await story(ana, contactId)).told).toEqual(['contact.unmerge', 'contact.merge', 'contact.update'])
  const toBen = await story(ben)
  expect(toBen.told).toEqual(['contact.update'])
  for (const secret of [phone, 'zoe@secret.example', 'otherId', 'Heliotrope'])
    expect(toBen.text).not.toContain(secret)
  // One person again: that is told, and of the time before no more than it was.
  await merge()
  expect((await story(ben)).told).toEqual(['contact.merge', 'contact.update'])
  expect((await story(ana)).told).toEqual(['contact.merge', ...parted])
})

test('[RGT14] [NEAR1] the end of a person without addresses, and what is about them, is heard and seen by all who saw them', async () => {
  const { hub, rest, admin, ana, ben, call } = await hidePerson(startRestOf)
  await using _ = hub
  const { port } = await startGateway(hub.deps, { handlers: commandHandlers }).then((gateway) => {
    hub.onClose(() => gateway.close())
    return gateway
  })
  const live = new TestClient({ port, token: ben })
  hub.onClose(() => Promise.resolve(live.close()))
  await live.next('caught-up')
  const nemo = (await call<{ data: ContactView }>(ben, 'POST', 'contacts', { firstName: 'Nemo' })).body.data
  const [stage] = (await call<{ data: PipelineStageView[] }>(ben, 'GET', 'pipeline-stages')).body.data
  const about = { title: 'old', stageId: stage?.id, contactId: nemo.id, ownerId: null }
  const deal = (await call<{ data: DealView }>(ben, 'POST', 'deals', about)).body.data
  const from = formatPosition(await readHead(hub.deps, hub.tenant.id))
  const watchers = Object.entries({ admin, ana, ben }).map(([name, token]) => ({ name, token }))
  await expectReplayEqualsSnapshot(
    hub,
    async () => {
      expect((await call(ana, 'DELETE', `contacts/${nemo.id}`)).status).toBe(204)
      expect((await call(admin, 'PATCH', `deals/${deal.id}`, { title: 'new' })).status).toBe(200)
    },
    { watchers },
  )
  await live.next('deal.updated')
  expect(live.facts.map(({ name }) => name)).toEqual([
    'contact.created',
    'deal.created',
    'contact.deleted',
    'deal.updated',
  ])
  const { body } = await rest.call<{ data: { type: string }[] }>('GET', `/api/v1/events?after=${from}`, {
    token: ben,
  })
  expect(body.data.map(({ type }) => type)).toEqual(['contact.deleted', 'deal.updated'])
  expect((await call<{ data: DealView }>(ben, 'GET', `deals/${deal.id}`)).body.data.title).toBe('new')
  const gone = await call<{ data: ContactView[] }>(ben, 'GET', 'contacts?deleted=only')
  expect(gone.body.data.map(({ id }) => id)).toEqual([nemo.id])
  expect((await call(ben, 'GET', `contacts/${nemo.id}`)).status).toBe(200)
  await expectReplayEqualsSnapshot(
    hub,
    async () => expect((await call(ben, 'POST', `contacts/${nemo.id}/restore`)).status).toBe(200),
    { watchers },
  )
})

test('[RGT14] who went into another one, by us or by a network, stays out of sight for as long as they are kept', async () => {
  const { hub, rest, admin, ben, channelId, contactId, call } = await hidePerson(startRestOf)
  await using _ = hub
  const from = formatPosition(await readHead(hub.deps, hub.tenant.id))
  const [open, other] = [await buildChannel(hub), '4915155512346']
  // Two whom nobody wrote anything about: one on the open number, one on the closed one.
  const met = await buildConversation(hub, open, await buildContact(hub, { phone: '4915155512347' }))
  const quiet = await buildContact(hub, { firstName: 'Heliotrope', phone: other })
  await buildConversation(hub, channelId, quiet)
  const identities = ['4915155512347', other].map((value) => ({ kind: 'phone', value }) as const)
  await inTenant(hub.deps, hub.tenant.id, (tx) =>
    resolvePeople(tx, [{ person: { identities }, create: true }]),
  )
  for (const title of ['canary', null]) await call(admin, 'PATCH', `contacts/${contactId}`, { title })
  await call(admin, 'POST', `contacts/${met.contactId}/merge`, { otherId: contactId })
  const deleted = async (token: string) => {
    const { body } = await call<{ data: ContactView[] }>(token, 'GET', 'contacts?deleted=only')
    return body.data.map(({ id }) => id).sort((one, two) => one - two)
  }
  const expectHidden = async () => {
    expect(await deleted(ben)).toEqual([])
    for (const id of [quiet, contactId])
      for (const [method, path] of [
        ['GET', `contacts/${id}`],
        ['POST', `contacts/${id}/restore`],
      ] as const)
        expect((await call(ben, method, path)).status, path).toBe(404)
    const replayed = await rest.call('GET', `/api/v1/events?after=${from}&limit=200`, { token: ben })
    expect([replayed.status, replayed.text.includes('canary')]).toEqual([200, false])
  }
  await expectHidden()
  expect(await deleted(admin)).toEqual([contactId, quiet])
  // Whom they went into is gone for good, and they are still kept.
  await inTenant(hub.deps, hub.tenant.id, async (tx) => {
    await tx.query('delete from conversations where tenant_id = $1 and contact_id = $2', [
      tx.tenantId,
      met.contactId,
    ])
    await tx.query(
      `update contacts set deleted_at = now() - interval '1000 days' where tenant_id = $1 and id = $2`,
      [tx.tenantId, met.contactId],
    )
  })
  expect(await purgeRecords(hub.deps, { atMost: 100 })).toBe(1)
  await expectHidden()
  expect(await deleted(admin)).toEqual([contactId, quiet])
  // One whom a network merged has nothing to be taken back; they come back as somebody of their own.
  expect((await call(admin, 'POST', `contacts/${quiet}/restore`)).status).toBe(200)
  expect((await call(ben, 'GET', `contacts/${quiet}`)).status).toBe(200)
})
