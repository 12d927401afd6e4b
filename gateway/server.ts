import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server, type Socket } from 'socket.io'
import { Failure } from '../src/contract/errors.ts'
import type { FarewellCode } from '../src/contract/socket.ts'
import type { Deps } from '../src/deps.ts'
import { forGateway } from '../src/http/socket-path.ts'
import { openRedis } from '../src/platform/redis.ts'
import { uuidv7 } from '../src/platform/uuid.ts'
import { probes } from '../src/platform/probes.ts'
import { ephemeralAdapter } from './adapter.ts'
import { Backlog } from './backlog.ts'
import { catchUp } from './catch-up.ts'
import { type CommandHandlers, Commands, userBurst } from './commands.ts'
import { EntryCache } from './entry-cache.ts'
import { Composing } from './composing.ts'
import { CustomerTyping } from './customer-typing.ts'
import { Departures, errorBody, farewell } from './farewell.ts'
import { Slots } from '../src/platform/slots.ts'
import { type Admitted, Newcomers } from './newcomer.ts'
import { ownCommands } from './own-commands.ts'
import { People } from './people.ts'
import { Presence } from './presence.ts'
import { Session } from './session.ts'
import { sharedListener } from './shared-listener.ts'
import { Signs } from './signs.ts'
import { Tails } from './tails.ts'
import { Trust } from './trust.ts'
import { Viewers } from './viewers.ts'
import { Wire } from './wire.ts'

export interface GatewayOptions {
  /** The server to live on beside others; without one the gateway opens its own on HOST and PORT. */
  readonly httpServer?: HttpServer
  readonly handlers: CommandHandlers
}

export interface Gateway {
  /** Where it listens; 0 on a server of others that does not listen yet. */
  readonly port: number
  /** Open sessions. */
  readonly sessions: number
  /** Stops letting in, finishes commands under way, says `bye draining` to everybody and closes. Takes a few seconds at most. */
  drain(): Promise<void>
  /** Frees everything at once. A server of others stays open. */
  close(): Promise<void>
}

/** Commands under way have so long to be answered before a drain says goodbye. */
const drainCommandsMs = 2000

/** Handshake facts are of no use after the handshake, and are kept per socket: request, headers, token. */
const nothingKept = Object.freeze({
  headers: {},
  time: '',
  address: '',
  xdomain: false,
  secure: false,
  issued: 0,
  url: '',
  query: {},
  auth: {},
})

/** Starts the Socket.IO gateway. Needs neither database nor Redis to start. */
export async function startGateway(deps: Deps, options: GatewayOptions): Promise<Gateway> {
  const gateway = new RunningGateway(deps, options)
  await gateway.listen()
  return gateway
}

class RunningGateway implements Gateway {
  readonly #deps: Deps
  readonly #http: HttpServer
  readonly #ownsHttp: boolean
  readonly #io: Server
  readonly #subscriber: ReturnType<typeof openRedis>
  readonly #tails: Tails
  readonly #people: People
  readonly #cache: EntryCache
  readonly #trust: Trust
  readonly #newcomers: Newcomers
  readonly #departures = new Departures()
  readonly #backlog = new Backlog()
  readonly #replays: Slots
  readonly #commands: Commands
  readonly #signs: Signs
  readonly #presence: Presence
  readonly #composing: Composing
  readonly #viewers: Viewers
  readonly #customerTyping: CustomerTyping
  readonly #sessions = new Map<Socket['conn'], Session>()
  readonly #positions = new WeakMap<Session, string>()
  readonly #onClose = sharedListener((connection: Socket['conn']) => {
    const session = this.#sessions.get(connection)
    if (session) this.#end(session)
  })
  readonly #onAny = sharedListener((socket: Socket, name: unknown, ...given: unknown[]) => {
    const session = this.#sessions.get(socket.conn)
    if (session) this.#commands.take(session, name, given)
  })
  readonly #onError = sharedListener((socket: Socket, error: unknown) => {
    const session = this.#sessions.get(socket.conn)
    // From the decoder; a client's own event of that name carries no Error.
    if (session && error instanceof Error) this.#depart(session, 'frame_invalid')
  })
  #sweeping: NodeJS.Timeout | undefined

  constructor(deps: Deps, { httpServer, handlers }: GatewayOptions) {
    const { config } = deps
    this.#deps = deps
    this.#ownsHttp = httpServer === undefined
    const probe = probes(deps, () => this.#newcomers.isDraining)
    this.#http =
      httpServer ??
      createServer(
        { shouldUpgradeCallback: forGateway(config) },
        (request, response) => void probe(request, response),
      )
    const instance = uuidv7()
    this.#subscriber = openRedis(config, deps.log, 'ephemerals')
    this.#people = new People(userBurst(config))
    this.#replays = new Slots(config.SOCKET_REPLAYS)
    this.#tails = new Tails(
      deps,
      {
        passed: (tenantId, events) => {
          this.#trust.passed(tenantId, events)
          this.#viewers.passed(tenantId, events)
        },
        slow: (session) => this.#depart(session, 'slow'),
        holdsBack: () => !this.#backlog.isEmpty,
      },
      instance,
    )
    this.#cache = new EntryCache(
      deps,
      (tenantId, since) => (this.#tails.at(tenantId)?.openedAt ?? Infinity) <= since,
    )
    this.#trust = new Trust(deps, this.#people, this.#cache, {
      depart: (session, code) => this.#depart(session, code),
      changed: (session) => this.#accessChanged(session),
    })
    this.#newcomers = new Newcomers(deps, this.#cache)
    this.#io = new Server(this.#http, {
      path: `${config.BASE_PATH}/socket.io`,
      transports: ['websocket'],
      serveClient: false,
      allowUpgrades: false,
      perMessageDeflate: false,
      httpCompression: false,
      maxHttpBufferSize: config.SOCKET_FRAME_BYTES,
      connectTimeout: config.SOCKET_HANDSHAKE_MS,
      pingInterval: config.SOCKET_PING_MS,
      pingTimeout: config.SOCKET_PONG_MS,
      destroyUpgrade: this.#ownsHttp,
      allowRequest: (request, decide) => decide(null, this.#newcomers.isWorthOpening(request)),
      adapter: ephemeralAdapter(deps.redis, this.#subscriber, config.REDIS_PREFIX),
    })
    this.#signs = new Signs(deps.redis, config.REDIS_PREFIX, instance)
    this.#presence = new Presence(this.#io, this.#signs)
    this.#composing = new Composing(this.#io, this.#subscriber, config.REDIS_PREFIX)
    this.#viewers = new Viewers(deps, this.#io, this.#signs, this.#composing)
    this.#customerTyping = new CustomerTyping(deps)
    const own = ownCommands(deps, {
      trust: this.#trust,
      presence: this.#presence,
      viewers: this.#viewers,
      customerTyping: this.#customerTyping,
    })
    this.#commands = new Commands(deps, handlers, own, (session) =>
      this.#depart(session, 'too_many_commands'),
    )
    this.#newcomers.watch(this.#io)
    this.#io.engine.on('flush', (connection: Socket['conn']) => this.#backlog.handedOver(connection))
    this.#io.use((socket, next) => void this.#admit(socket, next))
    this.#io.on('connection', (socket) => this.#begin(socket))
  }

  get port(): number {
    return (this.#http.address() as AddressInfo | null)?.port ?? 0
  }

  get sessions(): number {
    return this.#sessions.size
  }

  async listen(): Promise<void> {
    const { config } = this.#deps
    this.#tails.start()
    // Often enough for the shortest of the limits that it watches.
    const shortest = Math.min(config.SOCKET_BUFFER_MS, config.SOCKET_RENEW_MS, config.SOCKET_TRUST_MS)
    this.#sweeping = setInterval(() => this.#sweep(), Math.max(50, Math.min(1000, shortest / 4)))
    if (!this.#ownsHttp) return
    this.#http.headersTimeout = config.SOCKET_HANDSHAKE_MS
    await new Promise<void>((resolve, reject) => {
      this.#http.once('error', reject)
      this.#http.listen(config.PORT, config.HOST, resolve)
    })
  }

  async #admit(socket: Socket, next: (error?: Error) => void): Promise<void> {
    const { metrics, log } = this.#deps
    try {
      const admitted = await this.#newcomers.judge(socket)
      if (socket.conn.readyState !== 'open') {
        // Its end was heard already, so nobody would ever end a session of it. Socket.IO drops it, too.
        metrics.socketConnects.inc({ result: 'gone' })
        return next()
      }
      this.#makeSession(socket, admitted)
      metrics.socketConnects.inc({ result: 'ok' })
      next()
    } catch (error) {
      const body = errorBody(error, log, 'a handshake')
      metrics.socketConnects.inc({ result: body.code })
      next(Object.assign(new Error(body.message), { data: body }))
      // Behind the refusal, which Socket.IO writes in the next tick.
      setImmediate(() => this.#hangUp(socket))
    }
  }

  #hangUp(socket: Socket): void {
    // When two connect packets raced, the one that won has dropped the request already.
    const line = this.#sessions.get(socket.conn)?.wire ?? tcpOf(socket)
    socket.conn.close()
    this.#departures.add(line, performance.now())
  }

  #makeSession(socket: Socket, { entry, position }: Admitted): void {
    const { actor } = entry
    const person = this.#people.of(actor, performance.now())
    if (person.sessions.size >= this.#deps.config.SOCKETS_PER_USER)
      throw new Failure('too_many_connections', { retryAfterMs: 1000 })
    const session = new Session({ socket, wire: new Wire(socket.conn, tcpOf(socket)), entry, person })
    person.sessions.add(session)
    this.#sessions.set(socket.conn, session)
    if (position !== undefined) this.#positions.set(session, position)
    this.#deps.metrics.sockets.set(this.#sessions.size)
    // Bound to the connection, not to the Socket.IO socket: also one that never came to life is cleaned up.
    socket.conn.on('close', this.#onClose)
  }

  #begin(socket: Socket): void {
    const session = this.#sessions.get(socket.conn)
    if (!session) return
    Object.assign(socket, { handshake: nothingKept })
    Object.assign(socket.conn, { request: undefined })
    socket.onAny(this.#onAny)
    socket.on('error', this.#onError)
    // A client that leaves the namespace has nothing else to be here for.
    socket.on('disconnect', hangUp)
    this.#presence.arrive(session)
    this.#greet(session).catch((error: unknown) => {
      this.#deps.log.warn({ reason: String(error) }, 'a session cannot be caught up')
      this.#depart(session, 'internal', 1000)
    })
  }

  async #greet(session: Session): Promise<void> {
    const position = this.#positions.get(session)
    this.#positions.delete(session)
    const tail = await this.#tails.enter(session)
    if (!session.isPresent) return this.#tails.leave(tail, session)
    session.tail = tail
    await catchUp(this.#deps, this.#replays, tail, session, position)
  }

  #end(session: Session): void {
    const { phase, tail } = session
    const code = phase.state === 'leaving' ? phase.reason : 'gone'
    session.phase = { state: 'leaving', reason: code }
    session.wire.end()
    this.#sessions.delete(session.socket.conn)
    this.#people.leave(session)
    if (tail) this.#tails.leave(tail as Parameters<Tails['leave']>[0], session)
    this.#presence.leave(session)
    this.#viewers.leaveAll(session)
    // A peer that does not answer the closing handshake would keep its socket for half a minute.
    this.#departures.add(session.wire, performance.now())
    const { metrics } = this.#deps
    metrics.sockets.set(this.#sessions.size)
    metrics.socketCloses.inc({ code })
  }

  #depart(session: Session, code: FarewellCode, retryAfterMs = 0): void {
    if (!session.isPresent) return
    if (code === 'slow') this.#deps.metrics.slowKicks.inc()
    farewell(this.#departures, session, code, performance.now(), retryAfterMs)
  }

  #accessChanged(session: Session): void {
    this.#viewers.leaveAll(session)
    if (session.phase.state === 'live') session.tail?.reset(session, 'access_changed')
    else session.mustReset = true
  }

  #sweep(): void {
    const now = performance.now()
    const { SOCKET_BUFFER_BYTES, SOCKET_BUFFER_MS } = this.#deps.config
    let unsent = 0
    for (const session of this.#sessions.values()) {
      const { unsentBytes } = session.wire
      unsent += unsentBytes
      if (unsentBytes > SOCKET_BUFFER_BYTES || session.wire.unsentForMs(now) > SOCKET_BUFFER_MS)
        this.#depart(session, 'slow')
    }
    this.#deps.metrics.socketBuffer.set(unsent)
    this.#trust.sweep(now)
    this.#viewers.sweep(now)
    this.#composing.sweep(now)
    this.#customerTyping.sweep(now)
    this.#departures.sweep(now)
  }

  async drain(): Promise<void> {
    this.#newcomers.isDraining = true
    if (this.#ownsHttp) this.#http.close()
    await Promise.race([this.#commands.settled(), pause(drainCommandsMs)])
    const leaving = [...this.#sessions.values()]
    const spread = this.#deps.config.SOCKET_RECONNECT_SPREAD_MS
    for (const [place, session] of leaving.entries()) {
      // Evenly over the time, in no order that clients could share.
      this.#depart(session, 'draining', Math.floor(((place + Math.random()) / leaving.length) * spread))
      if (place % 500 === 499) await pause(1)
    }
    await pause(Math.min(200, leaving.length))
  }

  async close(): Promise<void> {
    this.#newcomers.isDraining = true
    clearInterval(this.#sweeping)
    this.#tails.close()
    this.#presence.close()
    this.#io.engine.close()
    this.#departures.destroyAll()
    await this.#signs.close()
    await this.#io.of('/').adapter.close()
    this.#subscriber.disconnect()
    if (!this.#ownsHttp) return
    this.#http.closeAllConnections()
    await new Promise<void>((resolve) => this.#http.close(() => resolve()))
  }
}

const hangUp = sharedListener((socket: Socket) => {
  socket.conn.close()
})

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

function tcpOf(socket: Socket) {
  return socket.conn.request.socket
}
