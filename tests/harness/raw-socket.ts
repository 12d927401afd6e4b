import { once } from 'node:events'
import { WebSocket } from 'ws'

/**
 * A client without manners: a bare WebSocket that speaks Engine.IO and Socket.IO by hand, for frames that no library
 * would send, and for not reading what it is sent.
 */
export class RawSocket {
  readonly ws: WebSocket
  readonly received: string[] = []
  readonly closed: Promise<{ code: number; reason: string }>
  #waiters: { matches: (text: string) => boolean; resolve: (text: string) => void }[] = []

  constructor(
    port: number,
    options: {
      path?: string
      headers?: Record<string, string>
      query?: string
      /** Of each frame only its beginning is kept, so that many can read megabytes. */
      keepBytes?: number
    } = {},
  ) {
    const { path = '/socket.io/', query = 'EIO=4&transport=websocket', headers = {}, keepBytes } = options
    this.ws = new WebSocket(`ws://127.0.0.1:${port}${path}?${query}`, { headers })
    this.ws.on('error', () => {})
    this.ws.on('message', (data: Buffer) => this.#hear(data.toString('utf8', 0, keepBytes)))
    this.closed = new Promise((resolve) => {
      this.ws.on('close', (code, reason) => resolve({ code, reason: String(reason) }))
    })
  }

  /** Opens, and with a token also signs in and waits for `hello`. */
  async open(token?: string, position?: string): Promise<this> {
    if (this.ws.readyState === WebSocket.CONNECTING) await once(this.ws, 'open')
    if (token === undefined) return this
    this.send(`40${JSON.stringify({ token, position })}`)
    await this.next((text) => text.startsWith('42["hello"'))
    return this
  }

  send(data: string | Buffer): void {
    this.ws.send(data)
  }

  /** The next text frame that matches, from those received or to come. */
  async next(matches: (text: string) => boolean, withinMs = 8000): Promise<string> {
    const found = this.received.find(matches)
    if (found !== undefined) return found
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () =>
          reject(
            new Error(`nothing like it within ${withinMs} ms: ${this.received.join(' | ').slice(0, 500)}`),
          ),
        withinMs,
      )
      this.#waiters.push({
        matches,
        resolve: (text) => {
          clearTimeout(timer)
          resolve(text)
        },
      })
    })
  }

  /** Stops taking anything off the wire, as a browser does that sleeps. */
  stopReading(): void {
    this.ws.pause()
  }

  readOn(): void {
    this.ws.resume()
  }

  close(): void {
    this.ws.terminate()
  }

  #hear(text: string): void {
    this.received.push(text)
    if (text === '2') this.ws.send('3')
    for (const waiter of this.#waiters) {
      if (!waiter.matches(text)) continue
      this.#waiters = this.#waiters.filter((one) => one !== waiter)
      waiter.resolve(text)
    }
  }
}
