import type { Socket as TcpSocket } from 'node:net'
import type { Socket } from 'socket.io'

/** The part of an Engine.IO connection that its types hide: what waits there because an earlier packet is not sent. */
interface EngineQueue {
  readonly writeBuffer: readonly unknown[]
  write(data: string, options: { wsPreEncodedFrame: readonly Buffer[] }): void
}

/**
 * The way to one client. Ready frames go straight to its TCP socket, which costs what bare `ws` costs; acks, pings and
 * ephemerals go through Engine.IO. Both end in the same stream, and when Engine.IO holds packets back ours queue
 * behind them, so nothing overtakes.
 */
export class Wire {
  readonly #connection: Socket['conn']
  readonly #queue: EngineQueue
  /** Only for writing while Engine.IO holds nothing back (gateway/backlog.ts). */
  readonly tcp: TcpSocket
  #isOpen = true
  /** Bytes of ours that wait in Engine.IO's queue. */
  #queuedBytes = 0
  /** Everything up to this byte was unsent at `#behindSince`; 0 when nothing was. */
  #behindMark = 0
  #behindSince = 0

  constructor(connection: Socket['conn'], tcp: TcpSocket) {
    this.#connection = connection
    this.#queue = connection as unknown as EngineQueue
    this.tcp = tcp
  }

  /** The connection is gone or going; nothing is written any more. */
  end(): void {
    this.#isOpen = false
  }

  /** Writes, unless more than `most` bytes are unsent already; answers whether it did. */
  offer(frames: Buffer, most: number): boolean {
    if (this.tcp.writableLength + this.#queuedBytes > most && this.unsentBytes > most) return false
    this.write(frames)
    return true
  }

  write(frames: Buffer): void {
    // A flag of our own: this runs once per delivery, and every object looked at costs a cache miss.
    if (!this.#isOpen) return
    if (this.#queue.writeBuffer.length === 0) {
      this.#queuedBytes = 0
      this.tcp.write(frames)
    } else {
      this.#queuedBytes += frames.length
      this.#queue.write('', { wsPreEncodedFrame: [frames] })
    }
  }

  /** Bytes that the kernel has not taken yet. */
  get unsentBytes(): number {
    if (this.#queue.writeBuffer.length === 0) this.#queuedBytes = 0
    return this.tcp.writableLength + this.#queuedBytes
  }

  /** For how long the oldest unsent byte has waited, as far as the calls of this function saw it; call it regularly. */
  unsentForMs(now: number): number {
    if (this.tcp.writableLength === 0) {
      this.#behindMark = 0
      return 0
    }
    const handedOver = this.tcp.bytesWritten - this.tcp.writableLength
    if (this.#behindMark === 0 || handedOver >= this.#behindMark) {
      this.#behindMark = this.tcp.bytesWritten
      this.#behindSince = now
    }
    return now - this.#behindSince
  }

  /** Settles when more may be written without piling it up, or when the connection is gone. */
  async drained(): Promise<void> {
    while (this.#isOpen && this.#queue.writeBuffer.length > 0) await once(this.#connection, 'drain', 'close')
    if (this.#isOpen && this.tcp.writableNeedDrain) await once(this.tcp, 'drain', 'close')
  }

  /**
   * Closes the transport behind everything that was written. Unlike `socket.disconnect()` this sends no Socket.IO
   * disconnect, after which stock clients would stay away.
   */
  close(): void {
    this.end()
    this.#connection.close()
  }

  /** Frees everything at once; what is unsent is lost. */
  destroy(): void {
    this.tcp.destroy()
  }
}

interface Emitter {
  once(event: string, listener: () => void): unknown
  off(event: string, listener: () => void): unknown
}

function once(emitter: Emitter, ...events: string[]): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of events) emitter.off(event, done)
      resolve()
    }
    for (const event of events) emitter.once(event, done)
  })
}
