import { expect } from 'vitest'
import {
  addConversation,
  addDefaultViews,
  addImports,
  addMessages,
  addNotes,
  addRecords,
  applyEvent,
  fromSnapshot,
  moveTo,
} from '../../src/contract/apply-event.ts'
import type { ClientState } from '../../src/contract/client-state.ts'
import type { ConversationView } from '../../src/contract/conversation.ts'
import type { ImportView } from '../../src/contract/crm/import.ts'
import type { AnyLogEvent } from '../../src/contract/events/catalogue.ts'
import type { HeldRecord, RecordPath } from '../../src/contract/crm/views.ts'
import { formatPosition, type Position, parsePosition } from '../../src/contract/position.ts'
import type { NoteList } from '../../src/contract/rest/conversations.ts'
import type { MessagePage } from '../../src/contract/rest/messages.ts'
import type { DefaultViews } from '../../src/contract/rest/saved-views.ts'
import type { SyncAnswer } from '../../src/contract/rest/sync.ts'
import { readHead } from '../../src/log/read.ts'
import { type Api, startApi } from './api.ts'
import type { Hub } from './hub.ts'

/** Somebody who holds a state of the hub, as a console does. */
export interface Watcher {
  readonly name: string
  readonly token: string
}

interface EventsAnswer {
  readonly data: AnyLogEvent[]
  readonly position: string
  readonly more: boolean
}

/** An admin, an agent and a viewer who look on. */
export async function threeWatchers(hub: Hub, tenant = hub.tenant.slug): Promise<Watcher[]> {
  const roles = ['admin', 'agent', 'viewer'] as const
  return Promise.all(
    roles.map(async (role) => {
      const { token } = await hub.signIn(role, { sub: `watching-${role}`, tenant })
      return { name: `watching ${role}`, token }
    }),
  )
}

/**
 * The net under every use case: a snapshot from before, plus the events that `act` recorded, must be what a fresh snapshot
 * holds, down to each loaded message and note (SYN2). The events come by GET /events and through the reducer of the
 * console, for every watcher (an admin, an agent and a viewer when none are named). Fails with a difference by record, and
 * refuses an `act` that recorded nothing. Answers with what `act` gave.
 */
export async function expectReplayEqualsSnapshot<T>(
  hub: Hub,
  act: () => Promise<T>,
  options: { readonly watchers?: readonly Watcher[]; readonly api?: Api } = {},
): Promise<T> {
  const api = options.api ?? (await startApi(hub))
  const watchers = options.watchers ?? (await threeWatchers(hub))
  const before = await Promise.all(watchers.map((watcher) => takeState(api, watcher)))
  const headBefore = await readHead(hub.deps, hub.tenant.id)
  const result = await act()
  const headAfter = await readHead(hub.deps, hub.tenant.id)
  if (headAfter.seq === headBefore.seq)
    throw new Error('the act recorded no event, so this would prove nothing')
  for (const [at, watcher] of watchers.entries())
    await expectSameAsSnapshot(api, watcher, before[at] as ClientState)
  return result
}

/** Follows the log from a state to its end, when nothing happens any more, and compares with a fresh snapshot. */
export async function expectSameAsSnapshot(api: Api, watcher: Watcher, from: ClientState): Promise<void> {
  const replayed = await follow(api, watcher, from)
  const fresh = await takeState(api, watcher)
  expect(shown(replayed), `${watcher.name}: replayed, against a fresh snapshot`).toEqual(shown(fresh))
}

/**
 * That a snapshot is what the log says at its very position: the events up to there, on an older snapshot, make the same.
 * For somebody whose rights do not change, such as an admin.
 */
export async function expectExactAt(
  api: Api,
  watcher: Watcher,
  from: SyncAnswer,
  exact: SyncAnswer,
): Promise<void> {
  const end = parsePosition(exact.position) as Position
  let state = fromSnapshot(from)
  while (state.position.seq < end.seq) {
    const page = await api.get<EventsAnswer>(
      watcher.token,
      `/events?after=${formatPosition(state.position)}&limit=50`,
    )
    const due = page.data.filter((event) => event.seq <= end.seq)
    state = moveTo(due.reduce(applyEvent, state), {
      ...end,
      seq: Math.min(end.seq, parsePosition(page.position)?.seq ?? 0),
    })
  }
  // Records, imports and default views are fetched beside a snapshot, not in it.
  const expected = shown(fromSnapshot(exact))
  const { records, imports, defaultViews } = expected
  const replayed = { ...shown(state), records, imports, defaultViews }
  expect(replayed, `the snapshot at ${exact.position}`).toEqual(expected)
}

/** A fresh snapshot with all messages and notes of its conversations loaded. Refuses one that does not hold all. */
export async function takeState(api: Api, watcher: Watcher): Promise<ClientState> {
  const sync = await api.get<SyncAnswer>(watcher.token, '/sync')
  if (sync.truncated) throw new Error('the snapshot is truncated: two of them cannot be compared')
  let state = fromSnapshot(sync)
  for (const id of state.conversations.keys()) state = await loadInside(api, watcher, state, id)
  for (const path of recordPaths) state = await loadRecords(api, watcher, state, path)
  state = await loadImports(api, watcher, state)
  return addDefaultViews(state, await api.get<DefaultViews>(watcher.token, '/admin/me/default-views'))
}

const recordPaths = [
  'activities',
  'contacts',
  'notes',
  'saved-views',
  'customers',
  'custom-fields',
  'tags',
  'deals',
  'pipelines',
  'pipeline-stages',
] as const satisfies readonly RecordPath[]

/** Walks a whole list of records. */
async function loadRecords(
  api: Api,
  watcher: Watcher,
  from: ClientState,
  path: RecordPath,
): Promise<ClientState> {
  let state = from
  for (let cursor = ''; ; ) {
    const page = await api.get<{ data: HeldRecord<RecordPath>[]; nextCursor: string | null }>(
      watcher.token,
      `/admin/${path}?limit=200${cursor}`,
    )
    state = addRecords(state, path, page.data)
    if (page.nextCursor === null) return state
    cursor = `&cursor=${page.nextCursor}`
  }
}

/** Walks the list of imports; whoever may not see any holds none. */
async function loadImports(api: Api, watcher: Watcher, from: ClientState): Promise<ClientState> {
  let state = from
  for (let cursor = ''; ; ) {
    const { status, body } = await api.call<{ data: ImportView[]; nextCursor: string | null }>(
      watcher.token,
      'GET',
      `/admin/imports?limit=200${cursor}`,
    )
    if (status === 403) return state
    state = addImports(state, body.data)
    if (body.nextCursor === null) return state
    cursor = `&cursor=${body.nextCursor}`
  }
}

/** Loads what is in a conversation; a conversation that is out of sight by now has nothing to load. */
async function loadInside(api: Api, watcher: Watcher, state: ClientState, id: string): Promise<ClientState> {
  const messages = await api.call<MessagePage>(
    watcher.token,
    'GET',
    `/conversations/${id}/messages?limit=200`,
  )
  const notes = await api.call<NoteList>(watcher.token, 'GET', `/conversations/${id}/notes?limit=200`)
  let next = state
  if (messages.status === 200) next = addMessages(next, id, messages.body)
  if (notes.status === 200) next = addNotes(next, id, notes.body)
  return next
}

/** Follows the log to its end, and fetches what is wanted, as a console does. */
export async function follow(api: Api, watcher: Watcher, from: ClientState): Promise<ClientState> {
  let state = from
  for (let more = true; more; ) {
    const page = await api.get<EventsAnswer>(
      watcher.token,
      `/events?after=${formatPosition(state.position)}&limit=50`,
    )
    for (const event of page.data) state = applyEvent(state, event)
    state = moveTo(state, parsePosition(page.position) as Position)
    for (const id of state.wanted) state = await fetchWanted(api, watcher, state, id)
    // Opened as a person would: also one that could not be loaded before, because it was out of sight for a while.
    for (const id of state.conversations.keys())
      if (!state.messages.has(id) || !state.notes.has(id)) state = await loadInside(api, watcher, state, id)
    more = page.more
  }
  return state
}

async function fetchWanted(api: Api, watcher: Watcher, state: ClientState, id: string): Promise<ClientState> {
  const path = `/conversations/${id}`
  const answer = await api.call<{ data: ConversationView; position: string }>(watcher.token, 'GET', path)
  // Out of sight by now: the event that says so is on its way.
  return answer.status === 200 ? addConversation(state, answer.body.data, answer.body.position) : state
}

/** What is compared: records by id, and the windows as they are at one moment, for time alone closes them. */
export function shown(state: ClientState) {
  const now = Date.now()
  const conversations = [...state.conversations.values()].map((conversation) => {
    const { required, expiresAt } = conversation.window
    const open = !required || (expiresAt !== null && Date.parse(expiresAt) > now)
    return [conversation.id, { ...conversation, window: { required, expiresAt, open } }]
  })
  return {
    position: formatPosition(state.position),
    conversations: Object.fromEntries(conversations),
    messages: Object.fromEntries(state.messages),
    notes: Object.fromEntries(state.notes),
    channels: Object.fromEntries(state.channels),
    users: Object.fromEntries(state.users),
    records: Object.fromEntries(recordPaths.map((path) => [path, shownRecords(state, path)])),
    imports: Object.fromEntries(state.imports),
    defaultViews: Object.fromEntries(state.defaultViews),
    wanted: [...state.wanted],
  }
}

/** Notes of deals are loaded with the deal, when somebody opens it; so they are not of the list. */
function shownRecords(state: ClientState, path: RecordPath) {
  if (path !== 'notes') return Object.fromEntries(state.records[path])
  return Object.fromEntries([...state.records.notes].filter(([, { dealId }]) => dealId === null))
}
