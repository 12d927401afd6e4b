import { type Bye, type FarewellCode, farewells } from '../src/contract/socket.ts'
import { type ErrorBody, errors, Failure } from '../src/contract/errors.ts'
import type { Logger } from '../src/platform/logger.ts'
import type { Session } from './session.ts'

/** Time for a goodbye to reach somebody who reads; then the connection is torn down. */
const parting = 1000

/**
 * Torn down in one turn of the event loop: one that did not read takes half a millisecond with all that it was owed, and a hundred of
 * them at once would be what everybody else waits for.
 */
const atOnce = 4

/** Connections that were told to go and have not gone yet. */
export class Departures {
  readonly #leaving = new Map<{ destroy(): void }, number>()
  #isSweeping = false

  /** Will be torn down when it is not gone by itself within a second. */
  add(connection: { destroy(): void }, now: number): void {
    this.#leaving.set(connection, now + parting)
  }

  /** A few now, and the others in the turns that follow. */
  sweep(now: number): void {
    if (!this.#isSweeping) this.#sweepOn(now)
  }

  #sweepOn(now: number): void {
    let left = atOnce
    this.#isSweeping = false
    // Insertion order is order of time, so the first that may stay ends the walk.
    for (const [connection, until] of this.#leaving) {
      if (until > now) return
      if (left === 0) {
        this.#isSweeping = true
        setImmediate(() => this.#sweepOn(now))
        return
      }
      left -= 1
      this.#leaving.delete(connection)
      connection.destroy()
    }
  }

  destroyAll(): void {
    for (const connection of this.#leaving.keys()) connection.destroy()
    this.#leaving.clear()
  }
}

/**
 * Says why and hangs up. The transport is closed rather than the Socket.IO socket, so that stock clients come back by
 * themselves; where coming back cannot help (`reconnect: false`) the handshake will say so.
 *
 * | code | said when |
 * |---|---|
 * | slow | more than SOCKET_BUFFER_BYTES or for longer than SOCKET_BUFFER_MS unsent |
 * | draining | this instance stops |
 * | token_expired | the token ended and `session.renew` brought no new one |
 * | access_revoked | the user was disabled or signed out, the key revoked or the tenant suspended |
 * | too_many_commands | twice the allowed rate, kept up |
 * | frame_invalid | a packet that is not Socket.IO |
 * | internal | its replay failed |
 */
export function farewell(
  departures: Departures,
  session: Session,
  code: FarewellCode,
  now: number,
  retryAfterMs = 0,
): void {
  if (!session.isPresent) return
  const bye: Bye = { code, retryAfterMs, reconnect: farewells[code].reconnect }
  session.say('bye', bye)
  session.phase = { state: 'leaving', reason: code }
  session.tail?.leave(session)
  departures.add(session.wire, now)
  session.wire.close()
}

/** What a client gets to see of an error. Only failures that we throw on purpose speak; others are logged here. */
export function errorBody(error: unknown, log: Logger, during: string): ErrorBody {
  if (error instanceof Failure) return error.toBody()
  log.error({ err: error, during }, 'a failure nobody foresaw')
  return { code: 'internal', message: errors.internal.means, then: errors.internal.then }
}
