import { describe, expect, test } from 'vitest'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import { echo, person, profileOf, statusOf, wamid, written } from './cloud-bodies.ts'
import { startIngest } from './ingest-hub.ts'

/** Of the network's clock, in whole seconds. */
const start = Math.floor(Date.now() / 1000) * 1000
const minutes = (n: number) => new Date(start + n * 60_000)

describe('messages that come in', () => {
  test('[IN5] a first message makes a contact, a conversation that waits for an answer, and an open window', async () => {
    await using hub = await startIngest()
    const cora = person()
    const at = minutes(-5)
    await hub.deliver(written(cora, 'hello?', { at }))
    await expectReplayEqualsSnapshot(hub.hub, () => hub.ingest())
    const { conversations, messages, contacts } = await hub.shown()
    expect(contacts).toMatchObject([{ name: 'Cora', firstName: 'Cora', phone: `+${cora.number}` }])
    expect(contacts[0]?.identities).toEqual([
      { kind: 'phone', value: cora.number },
      { kind: 'wa_id', value: cora.number },
    ])
    expect(messages).toMatchObject([
      {
        seq: 1,
        direction: 'in',
        author: { kind: 'contact', name: 'Cora' },
        type: 'text',
        text: 'hello?',
        status: 'received',
        sentAt: at.toISOString(),
      },
    ])
    expect(conversations).toMatchObject([
      {
        number: 1,
        status: 'open',
        unreadCount: 1,
        lastMessage: { text: 'hello?' },
        lastInboundAt: at.toISOString(),
        waitingSince: at.toISOString(),
        window: { open: true, expiresAt: new Date(at.getTime() + 86_400_000).toISOString() },
      },
    ])
    expect((await hub.inbox()).map(({ state }) => state)).toEqual(['done'])
  })

  test('[IN1] a message that comes again, in one body, in one batch or a day later, is there once', async () => {
    await using hub = await startIngest()
    const cora = person()
    const again = written(cora, 'once', { id: wamid() })
    await hub.deliver(again, again)
    await hub.deliver(again, written(cora, 'another'))
    expect(await hub.ingest()).toBe(2)
    await hub.deliver(again, written(cora, 'a third'))
    await hub.ingest()
    const { messages, conversations } = await hub.shown()
    expect(messages.map(({ text, seq }) => [seq, text])).toEqual([
      [1, 'once'],
      [2, 'another'],
      [3, 'a third'],
    ])
    expect(conversations).toMatchObject([{ unreadCount: 3, lastSeq: 3 }])
  })

  test("[IN5] messages of a batch stand in the order of the network's time, and replies know what they answer", async () => {
    await using hub = await startIngest()
    const cora = person()
    const first = wamid()
    await hub.deliver(written(cora, 'second', { at: minutes(-1), replyTo: first }))
    await hub.deliver(written(cora, 'first', { at: minutes(-2), id: first }))
    await hub.deliver(written(cora, 'third', { at: minutes(0), replyTo: 'wamid.before-our-time' }))
    await hub.ingest()
    const { messages } = await hub.shown()
    expect(messages.map(({ text }) => text)).toEqual(['first', 'second', 'third'])
    // The answer was placed after what it answers, although it was delivered before.
    expect(messages[1]?.replyTo).toEqual({ id: messages[0]?.id, providerMessageId: first })
    expect(messages[2]?.replyTo).toEqual({ id: null, providerMessageId: 'wamid.before-our-time' })
  })

  test('[IN5] the window is counted from the latest message, however late others come, and never from the future', async () => {
    await using hub = await startIngest()
    const cora = person()
    await hub.deliver(written(cora, 'new', { at: minutes(-1) }))
    await hub.ingest()
    await hub.deliver(written(cora, 'old, and late', { at: minutes(-600) }))
    await hub.ingest()
    const [before] = (await hub.shown()).conversations
    expect(before?.window.expiresAt).toBe(minutes(24 * 60 - 1).toISOString())
    expect(before?.lastInboundAt).toBe(minutes(-1).toISOString())
    await hub.deliver(written(cora, 'from tomorrow', { at: minutes(24 * 60) }))
    await hub.ingest()
    const [after] = (await hub.shown()).conversations
    expect(Date.parse(after?.window.expiresAt ?? '')).toBeLessThan(minutes(24 * 60 + 2).getTime())
  })

  test('[CON4] a resolved conversation opens again, a snoozed one wakes', async () => {
    await using hub = await startIngest()
    const cora = person()
    await hub.deliver(written(cora, 'hello'))
    await hub.ingest()
    for (const status of ['resolved', 'snoozed']) {
      await hub.asOwner(
        `update conversations set status = $1, resolved_at = case when $1 = 'resolved' then now() end,
         snoozed_until = case when $1 = 'snoozed' then now() + interval '1 day' end`,
        [status],
      )
      await hub.deliver(written(cora, `after ${status}`))
      await expectReplayEqualsSnapshot(hub.hub, () => hub.ingest())
      expect((await hub.shown()).conversations).toMatchObject([{ status: 'open', snoozedUntil: null }])
    }
  })

  test('[IN6] what one of us wrote on the phone is an answer: nobody waits, nothing is unread, and it wakes nobody', async () => {
    await using hub = await startIngest()
    const cora = person()
    await hub.deliver(written(cora, 'anybody there?'))
    await hub.ingest()
    await hub.asOwner(`update conversations set status = 'snoozed', snoozed_until = now() + interval '1 day'`)
    await hub.deliverField('smb_message_echoes', echo(cora.number, 'yes, on my phone'))
    await expectReplayEqualsSnapshot(hub.hub, () => hub.ingest())
    const { conversations, messages } = await hub.shown()
    expect(messages[1]).toMatchObject({
      direction: 'out',
      author: { kind: 'phone' },
      text: 'yes, on my phone',
      status: 'sent',
    })
    expect(conversations).toMatchObject([
      { status: 'snoozed', unreadCount: 0, waitingSince: null, lastMessage: { text: 'yes, on my phone' } },
    ])
  })

  test('[IN6] an import of old messages is history: in order, unread by nobody, and no work', async () => {
    await using hub = await startIngest()
    const cora = person()
    const old = person('Olga')
    await hub.deliver(written(cora, 'today'))
    await hub.ingest()
    const thread = (of: { number: string }, texts: readonly string[]) => ({
      id: of.number,
      messages: texts.map((text, place) => ({
        from: place % 2 === 0 ? of.number : '15550783881',
        ...(place % 2 === 1 && { to: of.number }),
        id: wamid(),
        timestamp: String(Math.floor(minutes(-50_000 + place).getTime() / 1000)),
        type: 'text',
        text: { body: text },
        history_context: { status: 'READ' },
      })),
    })
    await hub.deliverField('history', {
      history: [
        {
          metadata: { phase: 0, chunk_order: 1, progress: 100 },
          threads: [thread(cora, ['long ago', 'our answer']), thread(old, ['older', 'our answer to Olga'])],
        },
      ],
    })
    await expectReplayEqualsSnapshot(hub.hub, () => hub.ingest())
    const { conversations, messages } = await hub.shown()
    expect(conversations).toMatchObject([
      { status: 'open', unreadCount: 1, lastMessage: { text: 'today' }, lastSeq: 3 },
      { status: 'resolved', unreadCount: 0, lastMessage: { text: 'our answer to Olga' }, waitingSince: null },
    ])
    expect(Date.parse(conversations[1]?.lastActivityAt ?? '')).toBeLessThan(minutes(-40_000).getTime())
    expect(messages.filter(({ direction }) => direction === 'out')).toMatchObject([
      { author: { kind: 'phone' }, status: 'read' },
      { author: { kind: 'phone' }, status: 'read' },
    ])
  })

  test('[IN6] a file of an imported message comes later under the same id, and takes its place', async () => {
    await using hub = await startIngest()
    const cora = person()
    const id = wamid()
    const message = { from: cora.number, id, timestamp: '1700000000', history_context: { status: 'READ' } }
    await hub.deliverField('history', {
      history: [
        {
          metadata: { phase: 0, chunk_order: 1, progress: 50 },
          threads: [{ id: cora.number, messages: [{ ...message, type: 'media_placeholder' }] }],
        },
      ],
    })
    await hub.ingest()
    expect((await hub.shown()).messages).toMatchObject([
      { type: 'system', payload: { event: 'placeholder' } },
    ])
    await hub.deliverField('history', {
      contacts: [profileOf(cora)],
      messages: [
        {
          ...message,
          type: 'image',
          image: { id: '77', mime_type: 'image/jpeg', sha256: 'a'.repeat(64), caption: 'sea' },
        },
      ],
    })
    await expectReplayEqualsSnapshot(hub.hub, () => hub.ingest())
    expect((await hub.shown()).messages).toMatchObject([
      { seq: 1, type: 'image', text: 'sea', media: { mimeType: 'image/jpeg', state: 'pending' } },
    ])
  })

  test('[IN5] a line about a changed security code wakes nobody and asks for no answer', async () => {
    await using hub = await startIngest()
    const cora = person()
    await hub.deliver(written(cora, 'hello'))
    await hub.ingest()
    await hub.asOwner(`update conversations set status = 'resolved', resolved_at = now(), unread_count = 0`)
    await hub.deliver(
      written(cora, '', {
        content: {
          type: 'system',
          system: { type: 'customer_identity_changed', body: 'Her security code changed' },
          identity: { acknowledged: true, created_timestamp: 1_700_000_000, hash: 'x' },
        },
      }),
    )
    await expectReplayEqualsSnapshot(hub.hub, () => hub.ingest())
    const { conversations, messages } = await hub.shown()
    expect(conversations).toMatchObject([{ status: 'resolved', unreadCount: 0 }])
    expect(messages[1]).toMatchObject({
      type: 'system',
      author: { kind: 'system' },
      text: 'Her security code changed',
    })
  })

  test('[IN5] whoever opened the chat without a word may be written to', async () => {
    await using hub = await startIngest()
    await hub.deliver(written(person(), '', { content: { type: 'request_welcome' } }))
    await expectReplayEqualsSnapshot(hub.hub, () => hub.ingest())
    const { conversations, messages } = await hub.shown()
    expect(messages).toEqual([])
    expect(conversations).toMatchObject([{ status: 'open', lastMessage: null, window: { open: true } }])
  })

  test('[IN7] a status that came before its message is there when the message is', async () => {
    await using hub = await startIngest()
    const cora = person()
    const id = wamid()
    await hub.deliver(statusOf(id, 'read'))
    await hub.ingest()
    await hub.deliverField('smb_message_echoes', echo(cora.number, 'from the phone', { id }))
    await expectReplayEqualsSnapshot(hub.hub, () => hub.ingest())
    expect((await hub.shown()).messages).toMatchObject([{ status: 'read' }])
  })
})
