import { describe, expect, test } from 'vitest'
import {
  addConversation,
  addImports,
  addMessages,
  addNotes,
  addRecords,
  applyEvent,
  fromSnapshot,
  moveTo,
} from './apply-event.ts'
import type { ClientState } from './client-state.ts'
import type { ConversationPatch, ConversationView, NoteView } from './conversation.ts'
import type { AnyLogEvent, EventData, EventType } from './events/catalogue.ts'
import type { MessageView } from './message.ts'
import type { ContactView } from './records.ts'

const id = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`
const at = '2026-01-01T00:00:00.000Z'

const message = (seq: number, more: Partial<MessageView> = {}): MessageView => ({
  id: id(100 + seq),
  conversationId: id(1),
  seq,
  direction: 'out',
  author: { kind: 'agent' },
  type: 'text',
  text: `message ${seq}`,
  payload: {},
  reactions: [],
  status: 'queued',
  sentAt: `2026-01-01T00:00:0${seq}.000Z`,
  createdAt: at,
  ...more,
})

const conversation = (more: Partial<ConversationView> = {}): ConversationView => ({
  id: id(1),
  number: 1,
  channelId: id(9),
  contact: { id: 7, name: 'Zoe', identities: [], isGroup: false, blocked: false },
  customerId: null,
  dealIds: [],
  status: 'open',
  priority: 'normal',
  assignee: { id: id(5), name: 'Ana' },
  team: null,
  labels: [],
  unreadCount: 0,
  lastMessage: message(1),
  lastSeq: 1,
  readSeq: 0,
  lastInboundAt: null,
  lastActivityAt: at,
  window: { required: false, open: true, expiresAt: null },
  waitingSince: null,
  snoozedUntil: null,
  createdAt: at,
  updatedAt: at,
  version: 2,
  ...more,
})

const patch = (lastSeq: number, version: number, newest = lastSeq): ConversationPatch => {
  const { unreadCount, readSeq, lastInboundAt, lastActivityAt, window, waitingSince, updatedAt } =
    conversation()
  return {
    id: id(1),
    lastSeq,
    version,
    unreadCount,
    readSeq,
    lastInboundAt,
    lastActivityAt,
    window,
    waitingSince,
    updatedAt,
    lastMessageId: id(100 + newest),
  }
}

const contact: ContactView = {
  id: 7,
  customerId: 3,
  name: 'Zoe Zebra',
  firstName: 'Zoe',
  lastName: 'Zebra',
  email: null,
  phone: null,
  title: null,
  isPrimary: false,
  isGroup: false,
  language: null,
  timezone: null,
  blocked: true,
  marketing: null,
  identities: [{ kind: 'phone', value: '491' }],
  customFields: {},
  createdAt: at,
  updatedAt: at,
  deletedAt: null,
  version: 2,
}

const note = (n: number, more: Partial<NoteView> = {}): NoteView => ({
  id: n,
  body: 'note',
  pinned: false,
  mentions: [],
  authorId: id(5),
  authorName: 'Ana',
  customerId: null,
  contactId: null,
  dealId: null,
  conversationId: id(1),
  createdAt: at,
  updatedAt: at,
  deletedAt: null,
  version: 1,
  ...more,
})

const event = <Type extends EventType>(seq: number, type: Type, data: EventData<Type>): AnyLogEvent =>
  ({ seq, epoch: 1, type, at, actor: { kind: 'system' }, data }) as unknown as AnyLogEvent

const start = (): ClientState =>
  fromSnapshot({
    position: '1:10',
    conversations: [conversation()],
    channels: [],
    users: [],
    teams: [],
    truncated: false,
  })
const held = (state: ClientState) => state.conversations.get(id(1))

describe('the state of a client', () => {
  test('[SYN6] an event that is in it already changes nothing, not even the reference', () => {
    const state = start()
    expect(applyEvent(state, event(10, 'conversation.hidden', { conversationId: id(1) }))).toBe(state)
    expect(
      applyEvent(state, { ...event(11, 'conversation.hidden', { conversationId: id(1) }), epoch: 2 }),
    ).toBe(state)
  })

  test('[SYN6] a type that nobody here knows only moves the position', () => {
    const state = start()
    const next = applyEvent(state, event(11, 'moon.risen' as 'channel.removed', { channelId: id(9) }))
    expect(next).toEqual({ ...state, position: { epoch: 1, seq: 11 } })
    expect(next.conversations).toBe(state.conversations)
  })

  test('[SYN6] a new message moves its conversation, and stands among the loaded ones in the order of the network', () => {
    const loaded = addMessages(start(), id(1), { data: [message(1), message(3)], position: '1:10' })
    const late = message(4, { sentAt: '2026-01-01T00:00:02.000Z' })
    const next = applyEvent(loaded, event(11, 'message.queued', { message: late, conversation: patch(4, 3) }))
    expect(held(next)).toMatchObject({ lastSeq: 4, version: 3, lastMessage: { seq: 4 } })
    expect(next.messages.get(id(1))?.map(({ seq }) => seq)).toEqual([1, 4, 3])
    expect(loaded.messages.get(id(1))).toHaveLength(2)
  })

  test('[SYN6] imported history stands among the messages and leaves the newest one in the preview', () => {
    const imported = message(4, { sentAt: '2025-01-01T00:00:02.000Z' })
    const next = applyEvent(
      start(),
      event(11, 'message.received', { message: imported, conversation: patch(4, 3, 1) }),
    )
    expect(held(next)).toMatchObject({ lastSeq: 4, version: 3, lastMessage: { seq: 1 } })
  })

  test('[SYN6] an outcome changes the message wherever it is, and a success takes the error away', () => {
    const failed = message(1, {
      status: 'failed',
      error: { code: 'x', title: 'x', detail: 'x', retryable: false },
    })
    const state = addMessages(start(), id(1), { data: [failed], position: '1:10' })
    const outcome = {
      messageId: failed.id,
      conversationId: id(1),
      status: 'sent',
      at,
      providerMessageId: 'wamid',
    } as const
    const next = applyEvent(state, event(11, 'message.sent', outcome))
    expect(next.messages.get(id(1))?.[0]).toEqual(message(1, { status: 'sent', providerMessageId: 'wamid' }))
    expect(held(next)?.lastMessage).toMatchObject({ status: 'sent', providerMessageId: 'wamid' })
  })

  test('[SYN2] a picture of a conversation does not undo what the log said of its message and its people', () => {
    const outcome = { messageId: message(1).id, conversationId: id(1), status: 'read', at } as const
    const ana = {
      id: id(5),
      email: null,
      name: 'Ana B.',
      role: 'agent',
      status: 'active',
      platformUserId: null,
      version: 2,
    } as const
    const facts = [
      event(11, 'message.read', outcome),
      event(12, 'contact.updated', { contact }),
      event(13, 'user.updated', { user: ana }),
    ]
    const known = facts.reduce(applyEvent, start())
    expect(held(known)).toMatchObject({
      contact: { name: 'Zoe Zebra', blocked: true },
      customerId: 3,
      assignee: { name: 'Ana B.' },
    })
    const older = conversation({ version: 3, labels: ['x'] })
    const next = applyEvent(known, event(14, 'conversation.labelled', { conversation: older }))
    expect(held(next)).toEqual({ ...held(known), version: 3, labels: ['x'] })
  })

  test('[SYN7] something in a conversation that is not here makes it wanted, until it is given', () => {
    const empty = fromSnapshot({
      position: '1:10',
      conversations: [],
      channels: [],
      users: [],
      teams: [],
      truncated: true,
    })
    const next = applyEvent(
      empty,
      event(11, 'message.received', { message: message(2), conversation: patch(2, 3) }),
    )
    expect([...next.wanted]).toEqual([id(1)])
    const tooOld = addConversation(next, conversation(), '1:10')
    expect(tooOld).toBe(next)
    const given = addConversation(next, conversation({ version: 3 }), '1:11')
    expect([given.wanted.size, held(given)?.version]).toEqual([0, 3])
  })

  test('[SYN7] what was fetched before the newest event in it, or before the snapshot, is not believed', () => {
    const noted = applyEvent(start(), event(12, 'note.added', { note: note(1) }))
    expect(addNotes(noted, id(1), { data: [], position: '1:11' })).toBe(noted)
    expect(addMessages(noted, id(2), { data: [], position: '1:9' })).toBe(noted)
    const loaded = addNotes(noted, id(1), { data: [note(1)], position: '1:12' })
    const changed = [
      event(13, 'note.added', { note: note(2) }),
      event(14, 'note.edited', { note: note(1, { body: 'other', version: 2 }) }),
      event(15, 'note.deleted', { note: note(2, { deletedAt: at }) }),
    ].reduce(applyEvent, loaded)
    expect(changed.notes.get(id(1))).toEqual([note(1, { body: 'other', version: 2 })])
  })

  test('[SYN8] a conversation out of sight is gone with all that was in it, and an old answer does not bring it back', () => {
    const loaded = addMessages(start(), id(1), { data: [message(1)], position: '1:10' })
    const next = applyEvent(loaded, event(11, 'conversation.hidden', { conversationId: id(1) }))
    expect([next.conversations.size, next.messages.size]).toEqual([0, 0])
    expect(addConversation(next, conversation(), '1:10')).toBe(next)
    const back = applyEvent(
      next,
      event(12, 'conversation.assigned', { conversation: conversation({ version: 4 }) }),
    )
    expect(held(back)?.version).toBe(4)
  })

  test('[SYN8] a note that went along with somebody out of sight is gone, and no list from before brings it back', () => {
    const about = (version: number) => note(1, { conversationId: null, contactId: 7, version })
    const known = addRecords(start(), 'notes', [about(1)])
    const next = applyEvent(known, event(11, 'note.hidden', { noteId: 1, version: 2 }))
    expect(next.records.notes.size).toBe(0)
    expect(addRecords(next, 'notes', [about(1), about(2)]).records.notes.size).toBe(0)
    expect(addRecords(next, 'notes', [about(3)]).records.notes.get(1)).toEqual(about(3))
  })

  test('[SYN6] an import only goes forward, whatever an old list says, and stays away when it is gone', () => {
    const view = {
      id: id(7),
      entity: 'customer',
      state: 'queued',
      upsertKey: 'none',
      dryRun: false,
      ownerId: id(8),
      rowsTotal: null,
      rowsDone: 0,
      created: 0,
      updated: 0,
      unchanged: 0,
      failed: 0,
      reason: null,
      createdAt: at,
      finishedAt: null,
    } as const
    const half = { ...view, state: 'running', rowsTotal: 2, rowsDone: 1, created: 1 } as const
    const done = { ...half, state: 'done', rowsDone: 2, created: 2, finishedAt: at } as const
    const listed = addImports(start(), [half])
    const late = applyEvent(listed, event(11, 'import.progressed', { import: view }))
    expect(late.imports.get(view.id)).toEqual(half)
    const finished = applyEvent(late, event(12, 'import.finished', { import: done }))
    expect(addImports(finished, [half]).imports.get(view.id)).toEqual(done)
    const cancelled = { ...view, state: 'cancelled', finishedAt: at } as const
    expect(addImports(addImports(start(), [view]), [cancelled]).imports.get(view.id)).toEqual(cancelled)
    const gone = applyEvent(finished, event(13, 'import.deleted', { importId: view.id }))
    expect(addImports(gone, [done]).imports.size).toBe(0)
  })

  test('a watermark moves the position forward only', () => {
    const state = start()
    expect(moveTo(state, { epoch: 1, seq: 12 }).position.seq).toBe(12)
    expect(moveTo(state, { epoch: 1, seq: 9 })).toBe(state)
    expect(moveTo(state, { epoch: 2, seq: 12 })).toBe(state)
  })

  test('what did not change keeps its reference', () => {
    const other = conversation({ id: id(2) })
    const state = fromSnapshot({
      position: '1:10',
      conversations: [conversation(), other],
      channels: [],
      users: [],
      teams: [],
      truncated: false,
    })
    const next = applyEvent(
      state,
      event(11, 'conversation.labelled', { conversation: conversation({ version: 3 }) }),
    )
    expect(next.conversations.get(id(2))).toBe(other)
    expect(next.users).toBe(state.users)
  })
})
