import { afterEach, describe, expect, test } from 'vitest'
import { linkMedia } from '../../src/domain/media/link-media.ts'
import { searchMessages } from '../../src/domain/messages/search-messages.ts'
import { sendMessage } from '../../src/domain/messages/send-message.ts'
import { startApi } from '../harness/api.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import {
  at,
  edit,
  ordersOf,
  person,
  reaction,
  revoke,
  startUpdateHub,
  status,
  type UpdateHub,
} from './update-hub.ts'

let here: UpdateHub
afterEach(() => here[Symbol.asyncDispose]())

async function start(more: Parameters<UpdateHub['says']>[2] = {}) {
  here = await startUpdateHub()
  const said = here.says('two ppl', 0, more)
  await here.ingest([said])
  const id = await here.idOf(said.providerMessageId)
  const versions = (messageId = id) =>
    here.rows<{ version: number; text: string | null; payload: unknown; replaced_by: string | null }>(
      'select version, text, payload, replaced_by, replaced_at from message_versions where tenant_id = $1 and message_id = $2 order by version',
      [messageId],
    )
  return { ...here, net: said.providerMessageId, id, versions }
}

describe('[UPD5] an edit', () => {
  test('replaces the text, keeps the former one, and is announced', async () => {
    const { apply, net, id, find, versions, eventsOf } = await start()
    const first = edit(net, 'two people', 60)
    await apply([first])
    await apply([edit(net, 'three people', 120)])
    expect(await find(id)).toMatchObject({ text: 'three people', edited_at: at(120).toISOString() })
    expect(await versions()).toMatchObject([
      {
        version: 1,
        text: 'two ppl',
        replaced_by: first.providerMessageId,
        replaced_at: at(60).toISOString(),
      },
      { version: 2, text: 'two people' },
    ])
    expect((await eventsOf(id)).slice(1)).toMatchObject([
      { type: 'message.edited', data: { message: { text: 'two people', editedAt: at(60).toISOString() } } },
      { type: 'message.edited', data: { message: { text: 'three people' } } },
    ])
  })

  test('that is older than the present one does nothing, in whatever order they come', async () => {
    const { apply, says, ingest, idOf, find } = await start()
    for (const order of ordersOf([1, 2, 3])) {
      const message = says('draft', 10)
      await ingest([message])
      for (const seconds of order)
        await apply([edit(message.providerMessageId, `draft ${seconds}`, 20 + seconds)])
      const id = await idOf(message.providerMessageId)
      expect(await find(id), order.join()).toMatchObject({ text: 'draft 3', edited_at: at(23).toISOString() })
    }
  })

  test('twice is one version and one event, also among others of the same second', async () => {
    const { apply, net, everything, versions, find, id } = await start()
    const said = [edit(net, 'a', 60), edit(net, 'b', 60), edit(net, 'a', 60)]
    await apply([...said, ...said])
    expect(await find(id)).toMatchObject({ text: 'a' })
    expect((await versions()).map(({ text }) => text)).toEqual(['two ppl', 'a', 'b'])
    const once = await everything()
    await apply(said)
    for (const one of said.toReversed()) await apply([one])
    expect(await everything()).toEqual(once)
  })

  test('that a network tells in two ways is one', async () => {
    const { apply, net, versions, typesOf, id } = await start()
    await apply([edit(net, 'two people', 60)])
    await apply([edit(net, 'two people', 61)])
    expect(await versions()).toHaveLength(1)
    expect(await typesOf(id)).toEqual(['message.received', 'message.edited'])
  })

  test('back to what it was is newer than an edit that comes late', async () => {
    const { apply, net, find, id } = await start()
    await apply([edit(net, 'two ppl', 120)])
    await apply([edit(net, 'oops', 60)])
    expect(await find(id)).toMatchObject({ text: 'two ppl', edited_at: at(120).toISOString() })
  })

  test('of a caption keeps the file and what else the message holds', async () => {
    const { apply, net, find, id, eventsOf, versions } = await start({
      type: 'image',
      payload: { forwarded: true },
      media: { ref: { id: 'f1' }, mimeType: 'image/jpeg' },
    })
    await apply([edit(net, 'new caption', 60, { type: 'image', payload: { viewOnce: true } })])
    expect(await find(id)).toMatchObject({
      text: 'new caption',
      payload: { forwarded: true, viewOnce: true },
    })
    expect((await eventsOf(id)).at(-1)).toMatchObject({
      data: { message: { media: { mimeType: 'image/jpeg' } } },
    })
    await apply([edit(net, null, 70, { type: 'text', payload: { other: 1 } })])
    expect(await find(id)).toMatchObject({ text: null, payload: { forwarded: true, viewOnce: true } })
    expect(await versions()).toMatchObject([{ payload: { forwarded: true } }, { text: 'new caption' }])
  })

  test('is made by whoever wrote the message and by nobody else', async () => {
    const { apply, net, id, outbound, everything, find, number, conversation } = await start()
    const [ours] = await outbound('sent')
    const other = await number.conversation()
    const before = await everything()
    await apply([
      edit(net, 'not mine', 60, { direction: 'out' }),
      edit(ours?.net ?? '', 'not mine', 60, { direction: 'in' }),
      edit(net, 'not mine', 60, { chat: person(other.phone) }),
      revoke(net, 60, { direction: 'out' }),
      revoke(ours?.net ?? '', 60, { direction: 'in', chat: person(conversation.phone) }),
      revoke(net, 60, { chat: person(other.phone) }),
    ])
    expect(await everything()).toEqual(before)
    await apply([
      edit(ours?.net ?? '', 'ours', 60, { direction: 'out', chat: person(conversation.phone) }),
      edit(net, 'theirs', 60, { direction: 'in', chat: person('491799999999') }),
    ])
    expect(await find(ours?.id ?? '')).toMatchObject({ text: 'ours' })
    expect(await find(id)).toMatchObject({ text: 'theirs' })
  })

  test('is not for what nobody wrote', async () => {
    const { apply, net, everything } = await start({ type: 'call', text: 'a call' })
    const before = await everything()
    await apply([edit(net, 'no call', 60)])
    expect(await everything()).toEqual(before)
  })
})

describe('[UPD6] a deleted message', () => {
  test('has nothing to see any more, in lists, events, search and files; what it said is kept aside', async () => {
    const { hub, apply, net, id, actor, versions, eventsOf, rows, conversation, find } = await start({
      type: 'image',
      payload: { forwarded: true },
      media: { ref: { id: 'f1' }, mimeType: 'image/jpeg' },
    })
    const [file] = await rows<{ id: string }>('select id from attachments where tenant_id = $1')
    await here.change(
      `update attachments set state = 'stored', object_key = 'k', size_bytes = 1 where tenant_id = $1`,
    )
    await apply([reaction(net, '👍', 10)])
    expect(await linkMedia(hub.deps, actor, file?.id ?? '', false)).toMatchObject({ mimeType: 'image/jpeg' })
    expect((await searchMessages(hub.deps, actor, { q: 'ppl', limit: 10 })).data).toHaveLength(1)

    await apply([revoke(net, 60, { chat: person(conversation.phone) })])
    const row = await find(id)
    expect(row).toMatchObject({ text: null, deleted_at: at(60).toISOString() })
    expect(row?.payload).toEqual({})
    const bare = {
      id,
      text: null,
      payload: expect.toSatisfy((payload: object) => Object.keys(payload).length === 0),
      reactions: [],
      deletedAt: at(60).toISOString(),
      type: 'image',
    }
    const { data } = (await eventsOf(id)).at(-1) ?? {}
    expect(data).toMatchObject({ message: bare })
    expect(JSON.stringify(data)).not.toMatch(/media|ppl|forwarded/)
    const api = await startApi(hub)
    const page = await api.get<{ data: object[] }>(
      hub.token('admin'),
      `/conversations/${conversation.id}/messages`,
    )
    expect(page.data).toMatchObject([bare])
    expect(page.data[0]).not.toHaveProperty('media')
    expect((await searchMessages(hub.deps, actor, { q: 'ppl', limit: 10 })).data).toEqual([])
    await expect(linkMedia(hub.deps, actor, file?.id ?? '', false)).rejects.toMatchObject({
      code: 'not_found',
    })
    expect(await versions()).toMatchObject([
      { version: 1, text: 'two ppl', payload: { forwarded: true }, replaced_by: null },
    ])
  })

  test('stays deleted, whatever comes later or again', async () => {
    const { apply, net, id, everything, find, versions } = await start()
    await apply([edit(net, 'two people', 30), revoke(net, 60)])
    const deleted = await everything()
    await apply([revoke(net, 90), edit(net, 'back', 100), reaction(net, '👍', 100), revoke(net, 60)])
    expect(await everything()).toEqual(deleted)
    expect(await find(id)).toMatchObject({ text: null, deleted_at: at(60).toISOString() })
    expect((await versions()).map(({ text }) => text)).toEqual(['two ppl', 'two people'])
  })

  test('of ours still climbs', async () => {
    const { apply, outbound, find } = await start()
    const [ours] = await outbound('sent')
    await apply([revoke(ours?.net ?? '', 10, { direction: 'out' })])
    await apply([status(ours?.net ?? '', 'read')])
    expect(await find(ours?.id ?? '')).toMatchObject({
      status: 'read',
      text: null,
      deleted_at: at(10).toISOString(),
    })
  })

  test('answers a repeated send with what it is now', async () => {
    const { hub, actor, apply, conversation } = await start()
    const input = {
      conversationId: conversation.id,
      clientMessageId: 'k1',
      type: 'text',
      text: 'hello',
    } as const
    const { message } = await sendMessage(hub.deps, actor, input)
    const [send] = await here.claim()
    if (send) await here.answer(send, { kind: 'accepted', providerMessageId: 'net-k1' })
    await apply([revoke('net-k1', 10)])
    const again = await sendMessage(hub.deps, actor, input)
    expect(again).toMatchObject({ repeated: true, message: { id: message.id, text: null } })
  })
})

test('[SYN2] an older snapshot and the events of edits and deletions are a fresh snapshot, in the list of conversations too', async () => {
  const { hub, apply, net, outbound, typesOf } = await start({
    type: 'image',
    media: { ref: { id: 'f1' }, mimeType: 'image/jpeg' },
  })
  const [one, newest] = await outbound('sent', 2)
  await expectReplayEqualsSnapshot(hub, () =>
    apply([
      reaction(net, '👍', 1),
      edit(net, 'two people', 2),
      revoke(net, 3),
      edit(one?.net ?? '', 'changed', 1),
      edit(newest?.net ?? '', 'changed, too', 1),
    ]),
  )
  await expectReplayEqualsSnapshot(hub, () => apply([revoke(newest?.net ?? '', 5)]))
  expect(await typesOf(newest?.id ?? '')).toEqual(['message.edited', 'message.deleted'])
})
