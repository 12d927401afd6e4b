import type { IncomingMessage } from 'node:http'
import { parseCookie } from 'cookie'
import type { Server, Socket } from 'socket.io'
import type { Entry } from '../src/auth/entry.ts'
import { Failure } from '../src/contract/errors.ts'
import { handshake } from '../src/contract/socket.ts'
import { protocolVersion } from '../src/contract/version.ts'
import type { Deps } from '../src/deps.ts'
import { networkOf } from '../src/platform/network-of.ts'
import { addressReader } from './address.ts'
import type { EntryCache } from './entry-cache.ts'
import { type CredentialSource, originJudge } from './origins.ts'
import { sharedListener } from './shared-listener.ts'

/** What a socket may send before it is trusted: the Socket.IO connect packet and answers to pings. */
const packetsBeforeTrust = 8
const bytesBeforeTrust = 16 * 1024

/** Names under which tokens are put into addresses, where logs and histories keep them. */
const queryTokens = ['token', 'access_token', 'jwt', 'auth', 'authorization', 'key', 'api_key']

type Connection = Socket['conn']

interface Newcomer {
  /** Of IPv6 the /64, of which whoever has one address has all. */
  readonly network: string
  asked: boolean
  packets: number
  bytes: number
}

/** Somebody who passed, and where it wants to go on. */
export interface Admitted {
  readonly entry: Entry
  readonly position: string | undefined
}

/**
 * Sockets that are not trusted yet. They have SOCKET_HANDSHAKE_MS, a few packets and SOCKETS_PER_ADDRESS per address,
 * and exactly one try. Refusals are `connect_error` with the catalogue's code.
 */
export class Newcomers {
  readonly #deps: Deps
  readonly #cache: EntryCache
  readonly #networkOf: (request: IncomingMessage) => string
  readonly #mayComeFrom: ReturnType<typeof originJudge>
  readonly #newcomers = new Map<Connection, Newcomer>()
  readonly #perAddress = new Map<string, number>()
  readonly #onClose = sharedListener((connection: Connection) => this.#forget(connection))
  isDraining = false

  constructor(deps: Deps, cache: EntryCache) {
    this.#deps = deps
    this.#cache = cache
    const addressOf = addressReader(deps.config.TRUST_PROXY)
    this.#networkOf = (request) => networkOf(addressOf(request))
    this.#mayComeFrom = originJudge(deps.config)
  }

  /** Whether a connection is worth opening at all: over the limit one is opened to be refused, far over it none. */
  isWorthOpening(request: IncomingMessage): boolean {
    return (this.#perAddress.get(this.#networkOf(request)) ?? 0) < 2 * this.#deps.config.SOCKETS_PER_ADDRESS
  }

  watch(io: Server): void {
    io.engine.on('connection', (connection: Connection) => this.#arrive(connection))
  }

  #arrive(connection: Connection): void {
    const newcomer: Newcomer = {
      network: this.#networkOf(connection.request),
      asked: false,
      packets: 0,
      bytes: 0,
    }
    this.#newcomers.set(connection, newcomer)
    this.#perAddress.set(newcomer.network, (this.#perAddress.get(newcomer.network) ?? 0) + 1)
    const count = ({ data }: { data?: string | Buffer }) => {
      newcomer.packets += 1
      newcomer.bytes += data?.length ?? 0
      if (newcomer.packets > packetsBeforeTrust || newcomer.bytes > bytesBeforeTrust) connection.close()
    }
    connection.on('packet', count)
    connection.on('close', this.#onClose)
  }

  #forget(connection: Connection): void {
    const newcomer = this.#newcomers.get(connection)
    if (!newcomer) return
    this.#newcomers.delete(connection)
    connection.removeAllListeners('packet')
    connection.off('close', this.#onClose)
    const left = (this.#perAddress.get(newcomer.network) ?? 1) - 1
    if (left > 0) this.#perAddress.set(newcomer.network, left)
    else this.#perAddress.delete(newcomer.network)
  }

  /** Judges a handshake. Fails with the reason; then the connection is of no more use. */
  async judge(socket: Socket): Promise<Admitted> {
    const newcomer = this.#newcomers.get(socket.conn)
    // A second connect packet while the first is judged, or after it was: nobody honest sends that.
    if (!newcomer || newcomer.asked) throw new Failure('forbidden')
    newcomer.asked = true
    this.#refuseWhileDraining()
    if ((this.#perAddress.get(newcomer.network) ?? 0) > this.#deps.config.SOCKETS_PER_ADDRESS)
      throw new Failure('too_many_connections', { retryAfterMs: 1000 })
    const { headers, query } = socket.handshake
    const auth = socket.handshake.auth as Record<string, unknown>
    const protocol = handshake.shape.protocol.safeParse(auth['protocol'])
    if (!protocol.success || (protocol.data ?? protocolVersion) !== protocolVersion)
      throw new Failure('protocol_unsupported', { supported: [protocolVersion] })
    if ([...queryTokens, this.#deps.config.SSO_COOKIE].some((name) => name in query))
      throw new Failure('unauthorized', {}, { message: 'a token must not be part of the address' })
    const { source, credential } = this.#credential(auth, headers)
    if (!this.#mayComeFrom(headers, source)) throw new Failure('origin_denied')
    // Who shows nothing at all is judged as well, so that it counts.
    const entry = await this.#cache.enter(credential, newcomer.network)
    // A drain that began meanwhile has said goodbye to everybody that it knew.
    this.#refuseWhileDraining()
    this.#forget(socket.conn)
    const position = auth['position'] ?? undefined
    return { entry, position: position === undefined || typeof position === 'string' ? position : '' }
  }

  #refuseWhileDraining(): void {
    if (this.isDraining)
      throw new Failure('draining', { retryAfterMs: this.#deps.config.SOCKET_RECONNECT_SPREAD_MS })
  }

  /** What the client shows, from the place that it cannot have been tricked into first. */
  #credential(
    auth: Record<string, unknown>,
    headers: IncomingMessage['headers'],
  ): { source: CredentialSource; credential: string } {
    if (auth['token'] !== undefined) {
      const token = handshake.shape.token.safeParse(auth['token'])
      return { source: 'auth', credential: token.data ?? '' }
    }
    const bearer = /^bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
    if (bearer) return { source: 'header', credential: bearer }
    const cookie = parseCookie(headers.cookie ?? '')[this.#deps.config.SSO_COOKIE]
    return cookie ? { source: 'cookie', credential: cookie } : { source: 'auth', credential: '' }
  }
}
