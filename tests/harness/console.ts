import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { io, type Socket } from 'socket.io-client'
import {
  addConversation,
  addMessages,
  addNotes,
  addRecords,
  applyEvent,
  fromSnapshot,
  moveTo,
} from '../../src/contract/apply-event.ts'
import { type ClientState, emptyState } from '../../src/contract/client-state.ts'
import type { HeldRecord, RecordPath } from '../../src/contract/crm/views.ts'
import type { ConversationView } from '../../src/contract/conversation.ts'
import { type AnyLogEvent, catalogue } from '../../src/contract/events/catalogue.ts'
import { formatPosition, parsePosition, type Position } from '../../src/contract/position.ts'
import type { NoteList } from '../../src/contract/rest/conversations.ts'
import type { MessagePage } from '../../src/contract/rest/messages.ts'
import type { SyncAnswer } from '../../src/contract/rest/sync.ts'
import type { Ack, CommandName } from '../../src/contract/socket.ts'
import type { Role } from '../../src/contract/records.ts'
import { type Answered, checkAnswer } from './check-answer.ts'
import { checkAck, checkMessage } from './check-message.ts'
import type { Chain, Observer } from './checker.ts'

const facts = new Set<string>(catalogue.map((definition) => definition.type))

const recordPaths = Object.keys(emptyState().records) as RecordPath[]

/** Fingerprint of what an event says, the same however it came. */
export function fingerprint(event: Pick<AnyLogEvent, 'type' | 'data'>): string {
  return createHash('sha256')
    .update(JSON.stringify([event.type, event.data]))
    .digest('base64url')
    .slice(0, 22)
}

export interface ConsoleOptions {
  readonly name: string
  readonly tenant: string
  readonly role: Role
  readonly token: string
  /** Where sockets go. */
  readonly socketPort: number
  /** Where REST is, without paths. */
  readonly restUrl: string
}

interface Screen {
  state: ClientState
}
type Notice = { position: string; reason?: string }

/**
 * What the console in a browser does, without a screen: a stock socket.io-client, a snapshot, the reducer of the contract, and
 * every conversation opened. It asks for what it is missing, starts anew after `reset`, and never gives up. It
 * records what it hears for the checker, and every byte of text that it is shown goes through `onText`.
 */
export class Console {
  readonly options: ConsoleOptions
  readonly socket: Socket
  state: ClientState = emptyState()
  /** Every handshake that succeeded. */
  connects = 0
  /** Every goodbye and reset that was said, for a look at what a storm did. */
  readonly notices: string[] = []
  readonly #chains: { from: Position; heard: { seq: number; print: string }[]; to: Position }[] = []
  readonly #onText: (text: string) => void
  /** The position of the protocol: all up to here was heard or considered for us. */
  #heardUpTo: Position = { epoch: 0, seq: 0 }
  /** Events that come while a snapshot is on its way; undefined when none is. */
  #waiting: AnyLogEvent[] | undefined
  #loading = false
  /** Lists of records are fetched once per snapshot; events keep them. */
  #hasRecords = false
  #closed = false

  constructor(options: ConsoleOptions, onText: (text: string) => void = () => {}) {
    this.options = options
    this.#onText = onText
    this.socket = io(`http://127.0.0.1:${options.socketPort}`, {
      transports: ['websocket'],
      forceNew: true,
      autoConnect: false,
      reconnectionDelay: 50,
      reconnectionDelayMax: 500,
      auth: (give) => give({ token: options.token, position: formatPosition(this.#heardUpTo) }),
    })
    this.socket.onAny((name: string, payload: unknown) => this.#hear(name, payload))
    this.socket.on('connect', () => {
      this.connects += 1
    })
    // A stock client does not come back from a refusal by itself; a console does, when it can help.
    this.socket.on('connect_error', (error: Error & { data?: { code: string } }) => {
      if (error.data) this.notices.push(`connect_error ${error.data.code}`)
      if (error.data && !this.#closed) setTimeout(() => this.socket.connect(), 100)
    })
  }

  /** Loads a snapshot and goes live from there. */
  async start(): Promise<void> {
    const sync = await this.#get<SyncAnswer>('/sync')
    this.state = fromSnapshot(sync)
    this.#heardUpTo = this.state.position
    this.#begin(this.state.position)
    this.socket.connect()
    void this.#load()
  }

  close(): void {
    this.#closed = true
    this.socket.disconnect()
  }

  /** Nothing is on its way that the screen waits for. */
  get isSettled(): boolean {
    return (
      this.socket.connected &&
      !this.#loading &&
      this.#hasRecords &&
      this.#waiting === undefined &&
      this.#missing() === undefined
    )
  }

  get observer(): Observer {
    const { name, tenant, role } = this.options
    const chains: Chain[] = this.#chains.map(({ from, heard, to }) => ({ from, heard, to }))
    return { name, tenant, role, chains }
  }

  /** Gives a command; undefined when no answer came, so nobody knows. */
  async command<Data = Record<string, unknown>>(
    name: CommandName,
    input: unknown,
    withinMs = 3000,
  ): Promise<Ack<Data> | undefined> {
    if (!this.socket.connected) return undefined
    let ack: Ack<Data>
    try {
      ack = (await this.socket.timeout(withinMs).emitWithAck(name, input)) as Ack<Data>
    } catch {
      return undefined
    }
    this.#onText(JSON.stringify(ack))
    checkAck(name, ack)
    return ack
  }

  /** One request, to a path under /api/v1 or to one of /admin; undefined when no answer came. */
  async ask<Body>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: Body } | undefined> {
    const place = `${path.startsWith('/admin') ? '' : '/api/v1'}${path}`
    let answer: Answered
    try {
      const response = await fetch(`${this.options.restUrl}${place}`, {
        method,
        headers: {
          authorization: `Bearer ${this.options.token}`,
          'content-type': 'application/json',
          ...headers,
        },
        signal: AbortSignal.timeout(5000),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      answer = { status: response.status, headers: response.headers, text: await response.text() }
    } catch {
      return undefined
    }
    this.#onText(answer.text)
    checkAnswer(method, place, answer)
    return { status: answer.status, body: (answer.text === '' ? null : JSON.parse(answer.text)) as Body }
  }

  /** What somebody would see who opened the console at this moment. */
  async fresh(): Promise<ClientState> {
    const screen: Screen = { state: fromSnapshot(await this.#get<SyncAnswer>('/sync')) }
    for (const id of screen.state.conversations.keys()) await this.#loadInside(screen, id)
    await this.#loadRecords(screen)
    return screen.state
  }

  #begin(from: Position): void {
    this.#chains.push({ from, heard: [], to: from })
  }

  #hear(name: string, payload: unknown): void {
    this.#onText(JSON.stringify(payload))
    checkMessage(name, payload)
    if (facts.has(name)) return this.#hearFact(payload as AnyLogEvent)
    const { position, reason } = payload as Notice
    if (name === 'bye') this.notices.push(`bye ${(payload as { code: string }).code}`)
    const at = parsePosition(position)
    if (!at) return
    if (name === 'reset') {
      this.notices.push(`reset ${reason}`)
      this.#heardUpTo = at
      this.#begin(at)
      void this.#resync()
    } else if (name === 'caught-up' || name === 'position') {
      this.#consider(at)
      if (!this.#waiting) this.state = moveTo(this.state, at)
      void this.#load()
    }
  }

  #hearFact(event: AnyLogEvent): void {
    const chain = this.#chains.at(-1)
    chain?.heard.push({ seq: event.seq, print: fingerprint(event) })
    this.#consider(event)
    if (this.#waiting) this.#waiting.push(event)
    else this.state = applyEvent(this.state, event)
    void this.#load()
  }

  #consider({ epoch, seq }: Position): void {
    this.#heardUpTo = { epoch, seq }
    const chain = this.#chains.at(-1)
    if (chain) chain.to = this.#heardUpTo
  }

  /** Forgets everything and takes a snapshot; what is told meanwhile is kept for it. */
  async #resync(): Promise<void> {
    const waiting: AnyLogEvent[] = []
    this.#waiting = waiting
    const sync = await this.#get<SyncAnswer>('/sync').catch(() => undefined)
    // Another reset came meanwhile: its own snapshot counts.
    if (!sync || this.#waiting !== waiting) return
    this.#waiting = undefined
    this.#hasRecords = false
    this.state = waiting.reduce(applyEvent, fromSnapshot(sync))
    this.state = moveTo(this.state, this.#heardUpTo)
    void this.#load()
  }

  /** The next conversation that the screen lacks, or whose messages or notes it lacks. */
  #missing(): { id: string; wanted: boolean } | undefined {
    for (const id of this.state.wanted) return { id, wanted: true }
    for (const id of this.state.conversations.keys())
      if (!this.state.messages.has(id) || !this.state.notes.has(id)) return { id, wanted: false }
    return undefined
  }

  async #load(): Promise<void> {
    if (this.#loading) return
    this.#loading = true
    try {
      while (!this.#closed) {
        const next = this.#missing()
        if (next?.wanted) await this.#loadWanted(next.id)
        else if (next) await this.#loadInside(this, next.id)
        else if (this.#hasRecords) return
        else {
          this.#hasRecords = true
          await this.#loadRecords(this)
        }
      }
    } catch (error) {
      // Somebody who was shut out keeps asking until the console is closed; then nobody waits for the answer.
      if (!this.#closed) throw error
    } finally {
      this.#loading = false
    }
  }

  async #loadWanted(id: string): Promise<void> {
    const answer = await this.ask<{ data: ConversationView; position: string }>('GET', `/conversations/${id}`)
    if (answer?.status === 200)
      this.state = addConversation(this.state, answer.body.data, answer.body.position)
    // Out of sight by now, or not to be had at the moment: the event that says so is on its way, or it is asked for again.
    if (this.state.wanted.has(id)) await pause(20)
  }

  /** Loads all messages and notes of a conversation onto a screen, unless it goes out of sight meanwhile. */
  async #loadInside(screen: Screen, id: string): Promise<void> {
    await this.#loadPages<MessagePage>(
      screen,
      id,
      'messages',
      'before',
      addMessages,
      (page) => page.previousCursor,
    )
    await this.#loadPages<NoteList>(screen, id, 'notes', 'cursor', addNotes, (page) => page.nextCursor)
  }

  async #loadPages<Page>(
    screen: Screen,
    id: string,
    what: 'messages' | 'notes',
    parameter: string,
    add: (state: ClientState, id: string, page: Page) => ClientState,
    next: (page: Page) => string | null,
  ): Promise<void> {
    for (let cursor: string | null = ''; cursor !== null && screen.state.conversations.has(id); ) {
      const query = cursor === '' ? '' : `&${parameter}=${encodeURIComponent(cursor)}`
      const answer: { status: number; body: Page } | undefined = await this.ask<Page>(
        'GET',
        `/conversations/${id}/${what}?limit=200${query}`,
      )
      const had = screen.state
      if (answer?.status === 200 && had.conversations.has(id)) screen.state = add(had, id, answer.body)
      if (answer && screen.state !== had) cursor = next(answer.body)
      else if (this.#closed) return
      else await pause(20)
    }
  }

  async #loadRecords(screen: Screen): Promise<void> {
    for (const path of recordPaths)
      for (let cursor: string | null = ''; cursor !== null; ) {
        const query = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
        const page: { data: HeldRecord<RecordPath>[]; nextCursor: string | null } = await this.#get(
          `/admin/${path}?limit=200${query}`,
        )
        screen.state = addRecords(screen.state, path, page.data)
        cursor = page.nextCursor
      }
  }

  async #get<Body>(path: string): Promise<Body> {
    for (;;) {
      const answer = await this.ask<Body>('GET', path)
      if (answer?.status === 200) return answer.body
      if (this.#closed) throw new Error(`${this.options.name} is closed`)
      await pause(50)
    }
  }
}
