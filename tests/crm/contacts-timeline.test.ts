import { expect, test } from 'vitest'
import type { ContactView } from '../../src/contract/records.ts'
import { type TimelineItem, timelineItem } from '../../src/contract/rest/contacts.ts'
import { assignConversation } from '../../src/domain/conversations/assign-conversation.ts'
import { buildConversation, customerWrites } from '../harness/crowd.ts'
import { startHub } from '../harness/hub.ts'
import { type Desk, openDesk } from './desk.ts'

interface Page {
  data: TimelineItem[]
  nextCursor: string | null
}

const idOf = (desk: Desk) => (desk.actor as { id: string }).id

/** The whole story in pages of `limit`, as words. */
async function story(desk: Desk, id: number, limit = 50, more = ''): Promise<string[]> {
  const lines: TimelineItem[] = []
  for (let cursor = ''; ; ) {
    const page = await desk.get<Page>(`contacts/${id}/timeline?limit=${limit}${more}${cursor}`)
    lines.push(...page.data)
    if (page.nextCursor === null) break
    cursor = `&cursor=${page.nextCursor}`
  }
  for (const line of lines) timelineItem.parse(line)
  expect(lines.map(({ at }) => at)).toEqual(
    lines.map(({ at }) => at).toSorted((one, two) => Date.parse(two) - Date.parse(one)),
  )
  return lines.map((line) => {
    switch (line.kind) {
      case 'message':
        return `message ${line.message.text ?? ''}`
      case 'note':
        return `note ${line.note.body}`
      case 'activity':
        return `activity ${line.activity.subject}`
      case 'stage_change':
        return `stage of ${line.stageChange.dealId}`
      case 'edit':
        return `${line.edit.action} ${Object.keys(line.edit.changes).toSorted().join()}`
    }
  })
}

test('[PPL7] the story of a contact is told newest first, in pages without a gap or a repeat, to each as far as they may see it', async () => {
  await using hub = await startHub()
  const ana = await openDesk(hub, { sub: 'ana' })
  const ben = await openDesk(hub, { sub: 'ben' }, ana.api)
  const boss = await openDesk(hub, { role: 'manager' }, ana.api)
  const channel = await hub.addChannel({ provider: 'fake', settings: {}, secrets: {}, externalId: 't1' })
  const stages = await boss.get<{ data: { id: number }[] }>('pipeline-stages')
  const { id } = await ana.make<ContactView>('contacts', { firstName: 'Cleo' })
  await ana.call('PATCH', `contacts/${id}`, { title: 'CEO', blocked: true })
  const { id: conversationId } = await buildConversation(hub, channel.id, id)
  await customerWrites(hub, conversationId, 'one')
  await customerWrites(hub, conversationId, 'two')
  await assignConversation(hub.deps, boss.actor, { conversationId, userId: idOf(ana) })
  await ana.make('notes', { body: 'on contact', contactId: id })
  await ana.make('notes', { body: 'on talk', conversationId })
  const gone = await ana.make<{ id: number }>('notes', { body: 'gone', contactId: id })
  await ana.call('DELETE', `notes/${gone.id}`)
  await ana.make('activities', { type: 'task', subject: 'open to all', contactId: id })
  await ana.make('activities', { type: 'task', subject: 'of ana', contactId: id, assigneeId: idOf(ana) })
  const deal = await ana.make<{ id: number }>('deals', {
    title: 'Big',
    stageId: stages.data[0]?.id,
    contactId: id,
    ownerId: idOf(ana),
  })
  await ana.call('POST', `deals/${deal.id}/move`, { stageId: stages.data[1]?.id })
  await ana.make('notes', { body: 'on deal', dealId: deal.id })
  const other = await ana.make<ContactView>('contacts', { firstName: 'Somebody else' })
  await ana.make('notes', { body: 'elsewhere', contactId: other.id })

  const whole = [
    'note on deal',
    `stage of ${deal.id}`,
    `stage of ${deal.id}`,
    'activity of ana',
    'activity open to all',
    'note on talk',
    'note on contact',
    'message two',
    'message one',
    'contact.update blocked,title',
    'contact.create blocked,customFields,firstName,identities,isGroup,isPrimary,name',
  ]
  expect(await story(ana, id)).toEqual(whole)
  expect(await story(boss, id)).toEqual(whole)
  for (const limit of [1, 2, 3]) expect(await story(ana, id, limit), `${limit}`).toEqual(whole)
  expect(await story(ben, id, 2)).toEqual([
    'activity open to all',
    'note on contact',
    'contact.update blocked,title',
    'contact.create blocked,customFields,firstName,identities,isGroup,isPrimary,name',
  ])
  expect(await story(ana, id, 1, '&kind=message')).toEqual(['message two', 'message one'])
  expect((await ana.call('GET', 'contacts/99/timeline')).status).toBe(404)
  expect((await ana.call('GET', `contacts/${id}/timeline?cursor=x`)).status).toBe(400)
  const tenant = (await hub.addTenant()).slug
  const stranger = await openDesk(hub, { role: 'admin', tenant }, ana.api)
  expect((await stranger.call('GET', `contacts/${id}/timeline`)).status).toBe(404)
})
