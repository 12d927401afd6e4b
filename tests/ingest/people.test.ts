import { describe, expect, test } from 'vitest'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { contactByPhone } from '../../src/domain/contacts/contact-by-phone.ts'
import { ingestChannel } from '../harness/ingest-channel.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import { delivery, person, profileOf, wamid, written } from './cloud-bodies.ts'
import { type IngestHub, startIngest } from './ingest-hub.ts'

const identitiesIn = async (hub: IngestHub) =>
  (await hub.shown()).contacts
    .filter(({ deletedAt }) => deletedAt === null)
    .map(({ identities }) => identities.map(({ kind, value }) => `${kind} ${value}`))

describe('who is who', () => {
  test('[IN8] somebody without a number is somebody, and keeps the number when it is told', async () => {
    await using hub = await startIngest()
    const hidden = { userId: 'US.4711', name: 'Cora' }
    const number = person().number
    await hub.deliver(written(hidden, 'no number'))
    await hub.ingest()
    expect((await hub.shown()).contacts).toMatchObject([{ name: 'Cora', phone: null }])
    await hub.deliver(written({ ...hidden, number }, 'here it is'))
    await expectReplayEqualsSnapshot(hub.hub, () => hub.ingest())
    expect(await identitiesIn(hub)).toEqual([[`bsuid US.4711`, `phone ${number}`, `wa_id ${number}`]])
    expect((await hub.shown()).contacts).toMatchObject([{ phone: `+${number}` }])
    expect((await hub.shown()).conversations).toHaveLength(1)
  })

  test('[IN8] a person whom an agent wrote to first is the one that answers', async () => {
    await using hub = await startIngest()
    const cora = person()
    const id = await inTenant(hub.hub.deps, hub.hub.tenant.id, (tx) => contactByPhone(tx, cora.number))
    await hub.deliver(written({ ...cora, userId: 'US.1' }, 'who are you?'))
    await hub.ingest()
    expect((await hub.shown()).contacts.map((contact) => contact.id)).toEqual([id])
  })

  test('[IN8] two contacts that turn out to be one person go on as one, with one live conversation', async () => {
    await using hub = await startIngest()
    const number = person().number
    await hub.deliver(written({ userId: 'US.1', name: 'Cora' }, 'hidden'))
    await hub.deliver(written({ number, name: 'Cora P.' }, 'by number'))
    await hub.ingest()
    expect(await identitiesIn(hub)).toHaveLength(2)
    await hub.deliver(written({ userId: 'US.1', number, name: 'Cora' }, 'both'))
    await expectReplayEqualsSnapshot(hub.hub, () => hub.ingest())
    const { conversations, contacts } = await hub.shown()
    const [kept] = contacts.filter(({ deletedAt }) => deletedAt === null)
    expect(await identitiesIn(hub)).toEqual([['bsuid US.1', `phone ${number}`, `wa_id ${number}`]])
    expect(conversations.map(({ contact, status }) => [contact.id, status])).toEqual([
      [kept?.id, 'open'],
      [kept?.id, 'resolved'],
    ])
    expect(conversations[0]?.lastMessage?.text).toBe('both')
  })

  test('[IN8] what people tended is never thrown together: the addresses go to it, the other record stays', async () => {
    await using hub = await startIngest()
    const number = person().number
    await hub.deliver(
      written({ userId: 'US.1', name: 'Cora' }, 'hidden'),
      written({ number, name: 'C' }, 'number'),
    )
    await hub.ingest()
    await hub.asOwner(
      `update contacts set name_edited = true, first_name = 'Mrs Cora' where phone is not null`,
    )
    await hub.deliver(written({ userId: 'US.1', number }, 'both'))
    await expectReplayEqualsSnapshot(hub.hub, () => hub.ingest())
    expect((await hub.shown()).contacts.filter(({ deletedAt }) => deletedAt === null)).toMatchObject([
      { name: 'Mrs Cora' },
    ])
    await hub.asOwner(`update contacts set name_edited = true, deleted_at = null`)
    await hub.asOwner(
      `update contact_identities set contact_id = (select min(id) from contacts) where kind = 'bsuid'`,
    )
    await hub.deliver(written({ userId: 'US.1', number }, 'again'))
    await expectReplayEqualsSnapshot(hub.hub, () => hub.ingest())
    const left = (await hub.shown()).contacts
    expect(left.map(({ deletedAt }) => deletedAt)).toEqual([null, null])
    expect(left.filter(({ identities }) => identities.length > 0)).toHaveLength(1)
  })

  test('[IN8] somebody who changed the number keeps the conversation, and the old number belongs to nobody', async () => {
    await using hub = await startIngest()
    const cora = person()
    const other = person()
    await hub.deliver(written(cora, 'hello'))
    await hub.deliver(
      written(cora, '', {
        content: {
          type: 'system',
          system: { type: 'user_changed_number', body: 'Cora changed her number', wa_id: other.number },
        },
      }),
      written(person('Somebody else'), 'unrelated'),
      // Whoever has the old number now, in the very same delivery, is another person.
      written({ ...cora, name: 'New owner' }, 'this number is mine now'),
    )
    await expectReplayEqualsSnapshot(hub.hub, () => hub.ingest())
    const { conversations, contacts, messages } = await hub.shown()
    expect(contacts.map(({ name, phone }) => [name, phone])).toEqual([
      ['Cora', `+${other.number}`],
      ['Somebody else', expect.any(String)],
      ['New owner', `+${cora.number}`],
    ])
    expect(conversations).toHaveLength(3)
    expect(messages.find(({ type }) => type === 'system')).toMatchObject({ text: 'Cora changed her number' })
  })

  test('[IN8] an id that was given anew is the same person', async () => {
    await using hub = await startIngest()
    await hub.deliver(written({ userId: 'US.old', name: 'Cora' }, 'hello'))
    await hub.deliverField('user_id_update', {
      contacts: [profileOf({ userId: 'US.new' })],
      user_id_update: [
        { detail: 'changed', user_id: { previous: 'US.old', current: 'US.new' }, timestamp: '1783000000' },
      ],
    })
    await hub.deliver(written({ userId: 'US.new', name: 'Cora' }, 'still me'))
    await hub.ingest()
    expect(await identitiesIn(hub)).toEqual([['bsuid US.new']])
    expect((await hub.shown()).conversations).toMatchObject([{ lastSeq: 2 }])
  })

  test('[IN8] a username is shown and follows whoever has it; it never decides who somebody is', async () => {
    await using hub = await startIngest()
    const [cora, dora] = [person('Cora'), person('Dora')]
    await hub.deliver(written({ ...cora, username: 'the_one' }, 'hello'))
    await hub.ingest()
    await hub.deliver(written({ ...dora, username: 'the_one' }, 'mine now'))
    await expectReplayEqualsSnapshot(hub.hub, () => hub.ingest())
    const identities = await identitiesIn(hub)
    expect(identities.map((all) => all.includes('username the_one'))).toEqual([false, true])
  })

  test.each(['tended', 'left alone'])(
    '[NEWS6] [IN8] whose contacts are joined keeps the newest word about marketing, of two at once the "no" (%s)',
    async (kind) => {
      const [first, second] = ['2026-03-01T10:00:00Z', '2026-03-01T11:00:00Z']
      await using hub = await startIngest()
      for (const [kept, other, expected] of [
        [['granted', first], ['denied', second], 'denied'],
        [['denied', second], ['granted', first], 'denied'],
        [['granted', second], ['denied', second], 'denied'],
        [['denied', second], ['granted', second], 'denied'],
        [['denied', first], ['granted', second], 'granted'],
        [[null, null], ['denied', first], 'denied'],
        [['granted', first], [null, null], 'granted'],
      ] as const) {
        const { number } = person()
        const userId = `US.${number}`
        await hub.deliver(written({ userId }, 'hidden'), written({ number }, 'number'))
        await hub.ingest()
        const say = (where: string, [word, at]: readonly [string | null, string | null], edited: boolean) =>
          hub.asOwner(
            `update contacts set marketing = $2, marketing_at = $3, name_edited = $4
           where id = (select contact_id from contact_identities where value = $1 limit 1)`,
            [where, word, at, edited],
          )
        await say(number, kept, true)
        await say(userId, other, kind === 'tended')
        await hub.deliver(written({ userId, number }, 'both'))
        await expectReplayEqualsSnapshot(hub.hub, () => hub.ingest())
        const joined = (await hub.shown()).contacts.filter(({ identities }) =>
          identities.some(({ value }) => value === number),
        )
        expect(joined).toMatchObject([{ marketing: expected }])
        expect(joined[0]?.identities.map(({ kind: of }) => of)).toEqual(['bsuid', 'phone', 'wa_id'])
      }
    },
  )

  test('[IN8] whose contacts are joined stays blocked when one of them was', async () => {
    await using hub = await startIngest()
    for (const blockedIs of ['deleted afterwards', 'kept']) {
      const { number } = person()
      const userId = `US.${number}`
      await hub.deliver(written({ userId }, 'hidden'), written({ number }, 'number'))
      await hub.ingest()
      await hub.asOwner(
        `update contacts set blocked = true
         where id = (select contact_id from contact_identities where value = $1 limit 1)`,
        [blockedIs === 'kept' ? number : userId],
      )
      await hub.asOwner(
        `update contacts set name_edited = true
         where id = (select contact_id from contact_identities where value = $1 limit 1)`,
        [number],
      )
      await hub.deliver(written({ userId, number }, 'both'))
      await expectReplayEqualsSnapshot(hub.hub, () => hub.ingest())
      const joined = (await hub.shown()).contacts.filter(({ identities }) =>
        identities.some(({ value }) => value === number),
      )
      expect(joined).toMatchObject([{ blocked: true }])
    }
  })

  test('[IN8] a contact that we had deleted stays deleted when somebody takes its username over', async () => {
    await using hub = await startIngest()
    const [cora, dora] = [person('Cora'), person('Dora')]
    await hub.deliver(written({ ...cora, username: 'the_one' }, 'hello'))
    await hub.ingest()
    await hub.asOwner('update contacts set deleted_at = now()')
    await hub.deliver(written({ ...dora, username: 'the_one' }, 'mine now'))
    await hub.ingest()
    expect((await hub.shown()).contacts.map(({ name, deletedAt }) => [name, deletedAt === null])).toEqual([
      ['Cora', false],
      ['Dora', true],
    ])
  })

  test('[IN8] a contact that we had deleted stays deleted when the phone only has it in its address book', async () => {
    await using hub = await startIngest()
    const cora = person()
    await hub.deliver(written(cora, 'hello'))
    await hub.ingest()
    await hub.asOwner('update contacts set deleted_at = now()')
    await hub.deliverField('smb_app_state_sync', {
      state_sync: [
        {
          type: 'contact',
          contact: { full_name: 'Cora P', first_name: 'Cora', phone_number: cora.number, user_id: 'US.5' },
          action: 'add',
          metadata: { timestamp: String(Math.floor(Date.now() / 1000)) },
        },
      ],
    })
    await hub.ingest()
    expect(await identitiesIn(hub)).toEqual([])
    await hub.deliver(written(cora, 'it is me'))
    await hub.ingest()
    expect(await identitiesIn(hub)).toHaveLength(1)
  })

  test('[IN8] a contact that we had deleted is back when the person writes', async () => {
    await using hub = await startIngest()
    const cora = person()
    await hub.deliver(written(cora, 'hello'))
    await hub.ingest()
    await hub.asOwner('update contacts set deleted_at = now()')
    await hub.deliver(written(cora, 'me again'))
    await expectReplayEqualsSnapshot(hub.hub, () => hub.ingest())
    expect((await hub.shown()).contacts).toMatchObject([{ deletedAt: null }])
  })

  test('[IN8] two numbers that hear of the same strangers at the same moment make one contact of each', async () => {
    await using hub = await startIngest()
    const second = await hub.addNumber()
    const strangers = Array.from({ length: 30 }, (_, place) => person(`Stranger ${place}`))
    for (const stranger of strangers) await hub.deliver(written(stranger, 'to the first'))
    for (const stranger of strangers.toReversed())
      await hub.post(second, delivery(second, [written(stranger, 'to the second', { id: wamid() })]))
    const { deps, tenant } = hub.hub
    await Promise.all(
      [hub.number, second].map(({ channelId }) => ingestChannel(deps, { tenantId: tenant.id, channelId })),
    )
    const { contacts, conversations } = await hub.shown()
    expect(contacts).toHaveLength(30)
    expect(conversations).toHaveLength(60)
  })
})
