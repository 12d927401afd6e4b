import { expect } from 'vitest'
import { isBetterName } from '../../src/domain/contacts/network-name.ts'
import { cleanFileName } from '../../src/domain/media/file-name.ts'
import type {
  Identity,
  InboundItem,
  InboundMedia,
  InboundMessage,
  InboundStatus,
  Person,
} from '../../src/providers/inbound.ts'
import { saidBefore } from './fixture-seeds.ts'
import type { State, StateMessage } from './fixture-state.ts'

/** What came of a delivery, and everything that there is to know about where it went. */
export interface Outcome {
  readonly state: State
  readonly channelId: string
  readonly inboxId: number
  readonly receivedAt: Date
  readonly items: readonly InboundItem[]
}

type Of<Kind extends InboundItem['kind']> = Extract<InboundItem, { kind: Kind }>
type Update = Of<'status' | 'reaction' | 'edit' | 'revoke'>

const plain = <T>(value: T): unknown => JSON.parse(JSON.stringify(value))
const itemsOf = <Kind extends InboundItem['kind']>({ items }: Outcome, ...kinds: Kind[]): Of<Kind>[] =>
  items.filter((item): item is Of<Kind> => (kinds as string[]).includes(item.kind))
const keysOf = (identities: readonly Identity[]) => identities.filter(({ kind }) => kind !== 'username')
const spelled = ({ kind, value }: Identity) => `${kind} ${value}`

/** What items mean to a tenant that knew nothing before. */
export function expectConsequences(outcome: Outcome): void {
  expectMessages(outcome)
  expectConversations(outcome)
  expectPeople(outcome)
  expectParked(outcome)
  expectNews(outcome)
}

/** Each once, as the adapter read it, in the conversation of whom it is with. */
function expectMessages(outcome: Outcome): void {
  const { state, items } = outcome
  const wanted = new Map<string, InboundMessage>()
  for (const item of itemsOf(outcome, 'message'))
    if (!wanted.has(item.providerMessageId)) wanted.set(item.providerMessageId, item)
  const lines = itemsOf(outcome, 'identity').filter(({ text }) => text !== null)
  expect(state.messages).toHaveLength(wanted.size + lines.length)
  for (const [id, item] of wanted) {
    const message = one(state.messages, (row) => row.provider_message_id === id, `message ${id}`)
    expectMessage(outcome, message, item)
  }
  for (const line of lines) {
    const message = one(
      state.messages,
      (row) => row.type === 'system' && row.text === line.text,
      `line ${line.text}`,
    )
    expect(message).toMatchObject({ direction: 'in', author_kind: 'system', payload: plain(line.payload) })
    expect(message.provider_message_id).toBe(line.providerMessageId ?? null)
    expect(contactOfMessage(state, message)).toBe(contactWith(state, left(line)))
  }
  const received = state.events.filter(({ type }) => type === 'message.received')
  expect(new Set(received.map(({ payload }) => payload.message?.id))).toEqual(
    new Set(state.messages.map(({ id }) => id)),
  )
  expect(received).toHaveLength(state.messages.length)
  expect(items.length >= state.messages.length).toBe(true)
}

function expectMessage(outcome: Outcome, message: StateMessage, item: InboundMessage): void {
  const { state, channelId, receivedAt } = outcome
  const author = item.sender ?? item.chat
  expect(message).toMatchObject({
    channel_id: channelId,
    direction: item.direction,
    author_kind: authorKind(item),
    author_name: authorKind(item) === 'contact' ? (author.name ?? null) : null,
    type: item.type,
    text: item.text,
    status: item.direction === 'in' ? 'received' : (item.status ?? 'sent'),
    reply_to_provider_id: item.replyTo?.providerMessageId ?? null,
    edited_at: null,
    deleted_at: null,
  })
  expect(message.payload).toEqual(plain(item.payload))
  expect(message.raw).toEqual(item.raw === undefined ? null : plain(item.raw))
  const isAhead = item.at.getTime() > receivedAt.getTime() + 60_000
  expect(message.sent_at).toEqual(isAhead ? receivedAt : item.at)
  const contactId = contactOfMessage(state, message)
  expect(contactId).toBe(contactWith(state, item.chat.identities))
  if (authorKind(item) === 'contact' && item.sender === undefined)
    expect(message.author_id).toBe(String(contactId))
  expectFile(outcome, message, item)
}

function authorKind({ direction, type, opensWindow }: InboundMessage): string {
  if (direction === 'out') return 'phone'
  return type === 'system' && !opensWindow ? 'system' : 'contact'
}

function expectFile(
  outcome: Outcome,
  message: StateMessage,
  { media, providerMessageId }: InboundMessage,
): void {
  if (media === undefined) {
    expect(message.attachment_id).toBeNull()
    return
  }
  const file = one(outcome.state.attachments, ({ id }) => id === message.attachment_id, 'the file')
  expect(file).toEqual({
    id: message.attachment_id,
    direction: 'in',
    state: 'pending',
    mime_type: media.mimeType,
    size_bytes: media.sizeBytes ?? null,
    sha256: media.sha256 ?? null,
    file_name: cleanFileName(media.fileName),
    ref: plain(refOf(media, outcome.inboxId, providerMessageId)),
    channel_id: outcome.channelId,
  })
}

function refOf({ ref, inlineBase64 }: InboundMedia, inboxId: number, providerMessageId: string) {
  return inlineBase64 === undefined ? ref : { ...ref, inline: { inboxId, providerMessageId } }
}

/** One per chat, with the counts and times that its messages make. */
function expectConversations(outcome: Outcome): void {
  const { state } = outcome
  const messages = itemsOf(outcome, 'message')
  const chats = new Set(state.messages.map(({ conversation_id: id }) => id))
  const welcomed = itemsOf(outcome, 'identity').filter(
    ({ text, opensWindow }) => text === null && opensWindow,
  )
  expect(state.conversations).toHaveLength(
    new Set([
      ...[...chats].map((id) => state.conversations.find((row) => row.id === id)?.contact_id),
      ...welcomed.map(({ person }) => contactWith(state, person.identities)),
    ]).size,
  )
  for (const conversation of state.conversations) {
    const inside = state.messages.filter((row) => row.conversation_id === conversation.id)
    const told = inside.map((row) =>
      messages.find((item) => item.providerMessageId === row.provider_message_id),
    )
    const sentBy = (wanted: (item: InboundMessage) => boolean): Date[] =>
      inside.filter((_, at) => told[at] !== undefined && wanted(told[at])).map((row) => row.sent_at)
    const isPerson = (item: InboundMessage) =>
      item.direction === 'in' && (item.type !== 'system' || item.opensWindow)
    const waiting = sentBy((item) => isPerson(item) && item.origin !== 'history')
    const windows = [
      ...sentBy((item) => item.opensWindow),
      ...welcomed
        .filter(({ person }) => contactWith(state, person.identities) === conversation.contact_id)
        .map(({ at }) => at),
    ]
    expect(inside.map((row) => row.seq)).toEqual(inside.map((_, place) => place + 1))
    expect(conversation).toMatchObject({
      channel_id: outcome.channelId,
      last_seq: inside.length,
      last_inbound_at: latest(sentBy(isPerson)),
      window_expires_at:
        windows.length === 0 ? null : new Date((latest(windows)?.getTime() ?? 0) + 86_400_000),
    })
    const isLoud = told.some(
      (item) =>
        item !== undefined && item.origin !== 'history' && (item.type !== 'system' || item.opensWindow),
    )
    expect(conversation.status).toBe(isLoud || windows.length > 0 ? 'open' : 'resolved')
    if (told.some((item) => item?.direction === 'out')) continue
    expect(conversation.unread_count).toBe(waiting.length)
    expect(conversation.waiting_since).toEqual(
      waiting.toSorted((a, b) => a.getTime() - b.getTime())[0] ?? null,
    )
  }
}

const latest = (times: readonly Date[]): Date | null =>
  times.length === 0 ? null : new Date(Math.max(...times.map((at) => at.getTime())))

/** Everybody whom we have a conversation with or an answer from is one contact with all their addresses; nobody else is. */
function expectPeople(outcome: Outcome): void {
  const { state } = outcome
  const wanted: Person[] = [
    ...itemsOf(outcome, 'message').map(({ chat }) => chat),
    ...itemsOf(outcome, 'consent').map(({ person }) => person),
    ...itemsOf(outcome, 'identity')
      .filter(({ text, opensWindow }) => text !== null || opensWindow)
      .map((change) => ({ ...change.person, identities: left(change) })),
  ]
  const contacts = new Set(wanted.map(({ identities }) => contactWith(state, identities)))
  expect(new Set(state.contacts.map(({ id }) => id))).toEqual(contacts)
  const people = [...wanted, ...itemsOf(outcome, 'message').flatMap(({ sender }) => sender ?? [])]
  for (const { id, is_group: isGroup, profile_name: name } of state.contacts) {
    const mentions = wanted.filter(({ identities }) => contactWith(state, identities) === id)
    expect(isGroup).toBe(mentions.some(({ identities }) => identities.some(({ kind }) => kind === 'group')))
    const names = people
      .filter(({ identities }) => identities.some((identity) => ownerOf(state, identity) === id))
      .map((person) => person.name?.trim() ?? '')
      .filter((told) => isBetterName(told, '', true))
    if (names.length > 0) expect(names).toContain(name)
  }
}

/** What is said about messages that nobody knows waits for them, each word once. */
function expectParked(outcome: Outcome): void {
  const wanted = itemsOf(outcome, 'status', 'reaction', 'edit', 'revoke')
    .filter((item) => item.kind !== 'status' || item.participant === undefined)
    .map((item) => ({ provider_message_id: targetOf(item), item: withoutTime(item) }))
  const unique = new Map(wanted.map((row) => [JSON.stringify(row), row]))
  expect(outcome.state.parked).toHaveLength(unique.size)
  expect(outcome.state.parked).toEqual(expect.arrayContaining([...unique.values()]))
}

function withoutTime(item: InboundItem): unknown {
  const { at: _at, ...rest } = plain(item) as Record<string, unknown>
  return rest
}

/** What networks say about numbers, templates and consents. */
function expectNews(outcome: Outcome): void {
  const { state, channelId } = outcome
  const channel = one(state.channels, ({ id }) => id === channelId, 'the channel')
  const heard = itemsOf(outcome, 'channel')
  for (const item of heard) expect(channel.health).toMatchObject(plain(item.health) as object)
  const judged = heard.findLast(({ status }) => status !== undefined)
  if (judged) {
    expect(channel.status).toBe(judged.status)
    const stops =
      judged.status === 'removed' ||
      judged.status === 'blocked' ||
      (judged.status === 'restricted' && judged.answersOnly !== true)
    if (stops) expect(channel.stopped_reason).toMatch(/\w/)
    else expect(channel.stopped_reason).toBeNull()
    expect(channel.health['reason']).toEqual(judged.reason === undefined ? null : expect.stringMatching(/\w/))
  } else expect(channel).toMatchObject({ status: 'connected', stopped_reason: null })
  const templates = itemsOf(outcome, 'template')
  expect(state.templates).toHaveLength(new Set(templates.map((item) => item.providerTemplateId)).size)
  for (const { kind: _kind, at: _at, providerTemplateId, stale: _stale, detail, ...told } of templates) {
    const row = one(state.templates, (one) => one.provider_template_id === providerTemplateId, 'the template')
    expect(row).toMatchObject({ ...told, channel_id: channelId, stale: true })
    expect(row.detail).toMatchObject(plain(detail) as object)
  }
  const consents = itemsOf(outcome, 'consent')
  expect(state.consents).toHaveLength(consents.length)
  for (const { person, granted, detail, at } of consents) {
    const contactId = contactWith(state, person.identities)
    expect(state.consents).toContainEqual(
      expect.objectContaining({ contact_id: contactId, granted, detail, occurred_at: at }),
    )
    const contact = one(state.contacts, ({ id }) => id === contactId, 'the contact')
    expect(contact.marketing).toBe(granted ? 'granted' : 'denied')
  }
}

/** What news means to a tenant that has the messages and people that it is about (`seedPast`). */
export function expectApplied(outcome: Outcome): void {
  const { state } = outcome
  expect(state.parked).toEqual([])
  const byTarget = Map.groupBy(itemsOf(outcome, 'status', 'reaction', 'edit', 'revoke'), targetOf)
  for (const [target, updates] of byTarget) {
    const message = one(state.messages, (row) => row.provider_message_id === target, `message ${target}`)
    const statuses = updates.filter((update) => update.kind === 'status')
    if (statuses.length > 0) expectStatus(state, message, statuses)
    for (const update of updates)
      if (update.kind === 'reaction') expectReaction(message, update)
      else if (update.kind === 'edit') expectEdit(state, message, update)
      else if (update.kind === 'revoke') expectRevoke(state, message, update)
  }
  for (const change of itemsOf(outcome, 'identity')) {
    expect(contactWith(state, left(change))).toEqual(expect.any(Number))
    for (const identity of change.leave) expect(ownerOf(state, identity)).toBeUndefined()
  }
  for (const { person, removed, pictureUrl } of itemsOf(outcome, 'contact')) {
    const id = contactWith(state, person.identities.slice(0, 1))
    const contact = one(state.contacts, (row) => row.id === id, 'the contact')
    expect(contact.profile_name).toBe(removed === true ? null : (person.name ?? null))
    expect(contact.first_name).toBe(removed === true ? '' : (person.name ?? ''))
    expect(contact.picture_url).toBe(pictureUrl ?? null)
  }
}

const ladder = ['unknown', 'sent', 'delivered', 'read', 'played']

function expectStatus(state: State, message: StateMessage, statuses: readonly InboundStatus[]): void {
  const own = statuses.map(({ status, participant }) =>
    participant === undefined ? status : status === 'failed' ? 'unknown' : 'sent',
  )
  const rung = Math.max(...own.map((status) => ladder.indexOf(status)))
  const failed =
    rung < ladder.indexOf('delivered') ? statuses.find(({ status }) => status === 'failed') : undefined
  expect(message.status).toBe(failed ? 'failed' : ladder[rung])
  expect(message.error).toEqual(failed ? plain(failed.error) : null)
  const priced = statuses.findLast(
    ({ pricing, participant }) => pricing !== undefined && participant === undefined,
  )
  expect(message.pricing).toEqual(priced ? plain(priced.pricing) : null)
  for (const { recipient, participant } of statuses)
    if (recipient && participant === undefined)
      for (const identity of keysOf(recipient.identities))
        expect(ownerOfNumber(state, identity)).toBe(contactOfMessage(state, message))
  const told = { failed: 'message.failed', sent: 'message.sent', delivered: 'message.delivered' }[
    message.status
  ]
  // What we know from its echo was sent already.
  if (message.status === 'sent' && message.author_kind === 'phone') return
  expect(state.events.map(({ type }) => type)).toContain(told ?? 'message.read')
}

function expectReaction(message: StateMessage, { emoji, direction }: Of<'reaction'>): void {
  const shown = message.reactions.filter((reaction) => reaction.emoji !== '')
  if (emoji === null) expect(shown).toEqual([])
  else expect(shown).toMatchObject([{ emoji, by: { kind: direction === 'out' ? 'phone' : 'contact' } }])
}

function expectEdit(state: State, message: StateMessage, edit: Of<'edit'>): void {
  const isText = edit.type === undefined || edit.type === 'text'
  expect(message).toMatchObject({ text: edit.text, edited_at: edit.at })
  expect(message.payload).toEqual(isText ? plain(edit.payload ?? {}) : {})
  expect(state.versions).toContainEqual(
    expect.objectContaining({
      message_id: message.id,
      text: saidBefore,
      replaced_by: edit.providerMessageId,
    }),
  )
  expect(state.events.map(({ type }) => type)).toContain('message.edited')
}

function expectRevoke(state: State, message: StateMessage, revoke: Of<'revoke'>): void {
  expect(message).toMatchObject({ text: null, deleted_at: revoke.at })
  expect(message.payload).toEqual({})
  expect(state.versions).toContainEqual(
    expect.objectContaining({ message_id: message.id, text: saidBefore, replaced_by: null }),
  )
  expect(state.events.map(({ type }) => type)).toContain('message.deleted')
}

const targetOf = (update: Update): string =>
  update.kind === 'status' ? update.providerMessageId : update.targetProviderMessageId

/** The addresses that somebody has after a change. */
function left({ person, join, leave }: Of<'identity'>): Identity[] {
  const gone = new Set(leave.map(spelled))
  return keysOf([...join, ...person.identities]).filter((identity) => !gone.has(spelled(identity)))
}

function ownerOf(state: State, identity: Identity): number | undefined {
  return state.identities.find((row) => spelled(row) === spelled(identity))?.contact_id
}

/** A number and a wa_id are one address: of a status the other role is not learnt. */
function ownerOfNumber(state: State, { kind, value }: Identity): number | undefined {
  if (kind !== 'phone' && kind !== 'wa_id') return ownerOf(state, { kind, value })
  return ownerOf(state, { kind: 'phone', value }) ?? ownerOf(state, { kind: 'wa_id', value })
}

/** The one contact that has all of these addresses. */
function contactWith(state: State, identities: readonly Identity[]): number {
  const owners = new Set(keysOf(identities).map((identity) => ownerOf(state, identity)))
  expect([...owners], `owners of ${identities.map(spelled).join(', ')}`).toEqual([expect.any(Number)])
  return [...owners][0] as number
}

function contactOfMessage(state: State, { conversation_id: id }: StateMessage): number | undefined {
  return state.conversations.find((row) => row.id === id)?.contact_id
}

function one<T>(all: readonly T[], wanted: (row: T) => boolean, name: string): T {
  const found = all.filter(wanted)
  expect(found, name).toHaveLength(1)
  return found[0] as T
}
