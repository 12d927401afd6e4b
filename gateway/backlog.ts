import type { Socket } from 'socket.io'

/** The part of an Engine.IO connection that its types hide: what waits there because an earlier packet is not sent. */
interface Connection {
  readonly readyState: string
  readonly writeBuffer: readonly unknown[]
  readonly transport: { readonly writable: boolean }
}

/**
 * Connections in which Engine.IO may be holding packets back. It does so only between handing one packet to the kernel
 * and hearing that it went, so nearly always there are none, and whoever writes to many sockets need not ask each.
 */
export class Backlog {
  readonly #connections = new Set<Connection>()

  /** Engine.IO handed packets of this connection over; before that it holds none back. */
  handedOver(connection: Socket['conn']): void {
    this.#connections.add(connection as unknown as Connection)
  }

  get isEmpty(): boolean {
    for (const connection of this.#connections)
      if (
        connection.readyState !== 'open' ||
        (connection.transport.writable && connection.writeBuffer.length === 0)
      )
        this.#connections.delete(connection)
    return this.#connections.size === 0
  }
}
