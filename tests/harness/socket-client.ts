import type { Agent } from 'node:http'
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client'
import type { Ack, CommandName, EphemeralName } from '../../src/contract/socket.ts'
import { applyEvent, moveTo } from '../../src/contract/apply-event.ts'
import { type ClientState, emptyState } from '../../src/contract/client-state.ts'
import { type AnyLogEvent, catalogue } from '../../src/contract/events/catalogue.ts'
import { checkAck, checkMessage } from './check-message.ts'
import { formatPosition, parsePosition } from '../../src/contract/position.ts'

/** Anything that the server emitted, in the order it came. */
export interface Heard {
  readonly name: string
  readonly payload: Payload
  readonly at: number
}
type Payload = Record<string, unknown> & { seq?: number; epoch?: number; position?: string }

interface Waiter {
  readonly matches: (heard: Heard) => boolean
  readonly resolve: (heard: Heard) => void
}

export interface ClientOptions {
  readonly port: number
  readonly token?: string
  /** `epoch:seq`, or whatever a liar sends; absent means from now on. */
  readonly position?: unknown
  readonly auth?: Record<string, unknown>
  readonly path?: string
  readonly headers?: Record<string, string>
  readonly query?: Record<string, string>
  readonly reconnection?: boolean
  /** Makes its connections, wherever they lead. */
  readonly agent?: Agent
  /** The use cases behind the commands are played by the test, which answers with what it likes. */
  readonly playsUseCases?: boolean
}

const facts = new Set<string>(catalogue.map((definition) => definition.type))

/**
 * A stock socket.io-client that behaves as the contract asks of clients: it keeps its position and gives it when it
 * comes back. It records everything and watches the chain: sequence numbers rise strictly, nothing comes twice, and
 * live events come after `caught-up`. What it hears must be as the AsyncAPI document says, or the test fails.
 */
export class TestClient {
  readonly socket: Socket
  readonly heard: Heard[] = []
  /** What broke a promise of the protocol; empty in a good world. */
  readonly faults: string[] = []
  position: string | undefined
  /** What a console would show: the snapshot it was given, or nothing, and every event since, by the console's reducer. */
  state: ClientState = emptyState()
  readonly #playsUseCases: boolean
  #isClosed = false
  #waiters: Waiter[] = []
  readonly #taken = new Set<Heard>()

  constructor(options: ClientOptions) {
    this.#playsUseCases = options.playsUseCases ?? false
    this.position = options.position as string | undefined
    const settings: Partial<ManagerOptions & SocketOptions> = {
      path: options.path ?? '/socket.io',
      transports: ['websocket'],
      forceNew: true,
      reconnection: options.reconnection ?? false,
      reconnectionDelay: 20,
      reconnectionDelayMax: 200,
      auth: (give) =>
        give({
          ...(options.token === undefined ? {} : { token: options.token }),
          ...(this.position === undefined ? {} : { position: this.position }),
          ...options.auth,
        }),
      ...(options.headers ? { extraHeaders: options.headers } : {}),
      ...(options.query ? { query: options.query } : {}),
      // In Node an agent of its own is taken as it is; the types know only browsers and the agents' names.
      ...(options.agent ? { agent: options.agent as unknown as string } : {}),
    }
    this.socket = io(`http://127.0.0.1:${options.port}`, settings)
    this.socket.onAny((name: string, payload: Payload) => {
      this.#hear(name, payload)
      checkMessage(name, payload)
    })
    this.socket.on('connect', () => this.#hear('connect', {}))
    this.socket.on('connect_error', (error: Error & { data?: Payload }) => {
      this.#hear('connect_error', { message: error.message, ...error.data })
      // Without data the connection failed before anybody could say why.
      if (error.data) checkMessage('connect_error', { message: error.message, data: error.data })
      // Stock clients stay away once they were refused; the contract says who may come back, and when.
      if (options.reconnection && error.data?.['then'] === 'later')
        setTimeout(() => this.#comeBack(), Number(error.data['retryAfterMs'] ?? 100))
    })
    this.socket.on('disconnect', (reason) => this.#hear('disconnect', { reason }))
  }

  /** The next thing of this name that was not asked for yet and matches, from the record or from the future. */
  async next(
    name: string,
    matches: (payload: Payload) => boolean = () => true,
    withinMs = 8000,
  ): Promise<Payload> {
    const wanted = (heard: Heard) => heard.name === name && !this.#taken.has(heard) && matches(heard.payload)
    let found = this.heard.find(wanted)
    found ??= await new Promise<Heard>((resolve, reject) => {
      const waiter: Waiter = {
        matches: wanted,
        resolve: (heard) => {
          clearTimeout(timer)
          resolve(heard)
        },
      }
      const timer = setTimeout(() => {
        this.#waiters = this.#waiters.filter((one) => one !== waiter)
        reject(
          new Error(
            `no ${name} within ${withinMs} ms; heard: ${this.heard.map((one) => one.name).join(' ')}`,
          ),
        )
      }, withinMs)
      this.#waiters.push(waiter)
    })
    this.#taken.add(found)
    return found.payload
  }

  /** Facts of the log in the order they came. */
  get facts(): Heard[] {
    return this.heard.filter((one) => facts.has(one.name))
  }

  get seqs(): number[] {
    return this.facts.map((one) => one.payload.seq ?? Number.NaN)
  }

  of(name: string): Payload[] {
    return this.heard.filter((one) => one.name === name).map((one) => one.payload)
  }

  /** Gives a command and waits for its answer. */
  async send<Data = Record<string, unknown>>(
    name: CommandName | EphemeralName | (string & {}),
    input: unknown,
  ): Promise<Ack<Data>> {
    const ack: Ack<Data> = await this.socket.timeout(8000).emitWithAck(name, input)
    if (!ack.ok || !this.#playsUseCases) checkAck(name, ack)
    return ack
  }

  close(): void {
    this.#isClosed = true
    this.socket.disconnect()
  }

  #comeBack(): void {
    if (!this.#isClosed) this.socket.connect()
  }

  #hear(name: string, payload: Payload): void {
    const heard = { name, payload, at: performance.now() }
    this.heard.push(heard)
    this.#follow(name, payload)
    for (const waiter of this.#waiters) {
      if (!waiter.matches(heard)) continue
      this.#waiters = this.#waiters.filter((one) => one !== waiter)
      waiter.resolve(heard)
      return
    }
  }

  #follow(name: string, payload: Payload): void {
    this.#fold(name, payload)
    if (facts.has(name)) {
      const before = parsePosition(this.position)
      const { seq = Number.NaN, epoch = Number.NaN } = payload
      if (before && before.epoch === epoch && seq <= before.seq)
        this.faults.push(`${name} ${seq} came after ${this.position}`)
      this.position = formatPosition({ epoch, seq })
    } else if (name === 'hello' || name === 'caught-up' || name === 'position' || name === 'reset') {
      const before = parsePosition(this.position)
      const now = parsePosition(payload.position)
      if (!now) this.faults.push(`${name} without a position`)
      else if (name !== 'reset' && name !== 'hello' && before?.epoch === now.epoch && now.seq < before.seq)
        this.faults.push(`${name} went back from ${this.position} to ${payload.position}`)
      this.position = payload.position
    }
  }

  #fold(name: string, payload: Payload): void {
    if (facts.has(name)) this.state = applyEvent(this.state, payload as unknown as AnyLogEvent)
    const position = parsePosition(payload.position)
    if (!position) return
    if (name === 'reset' || (name === 'hello' && this.position === undefined))
      this.state = emptyState(position)
    else if (name === 'caught-up' || name === 'position') this.state = moveTo(this.state, position)
  }
}
