import { connect, type Socket } from 'node:net'
import { serve } from './serve.ts'

/** Clients that get: each posts no next request before it has the whole answer to the last. */

/** One keep-alive connection. It reads of an answer its status and length, so that the client costs little beside the server. */
class GettingLine {
  readonly #socket: Socket
  readonly #headers: string
  #head = ''
  #missing = 0
  #settle: { resolve: (status: number) => void; reject: (error: Error) => void } | undefined

  constructor(port: number, headers: string) {
    this.#headers = `Host: 127.0.0.1:${port}\r\n${headers}\r\n`
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.setNoDelay(true)
    this.#socket.on('data', (chunk: Buffer) => this.#take(chunk))
    this.#socket.on('error', (error) => this.#settle?.reject(error))
    this.#socket.on('close', () => this.#settle?.reject(new Error('the server closed the connection')))
  }

  get(path: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
      this.#socket.write(`GET ${path} HTTP/1.1\r\n${this.#headers}`)
    })
  }

  #take(chunk: Buffer): void {
    let body = chunk.length
    if (this.#missing === 0) {
      this.#head += chunk.toString('latin1')
      const end = this.#head.indexOf('\r\n\r\n')
      if (end < 0) return
      const length = /\r\ncontent-length: (\d+)/i.exec(this.#head)?.[1]
      if (length === undefined) throw new Error(`an answer without a length: ${this.#head}`)
      body = this.#head.length - end - 4
      this.#missing = Number(length)
    }
    this.#missing -= body
    if (this.#missing > 0) return
    const status = Number(this.#head.slice(9, 12))
    this.#head = ''
    this.#settle?.resolve(status)
  }

  close(): void {
    this.#socket.destroy()
  }
}

export interface Got {
  readonly tookMs: number
  /** Milliseconds of each request, in no order. */
  readonly latenciesMs: readonly number[]
}

serve({
  /** So many requests over so many connections, the paths in turn. Fails when one is not answered with 200. */
  get: async (input: {
    port: number
    headers: string
    paths: readonly string[]
    requests: number
    lines: number
  }): Promise<Got> => {
    const latenciesMs: number[] = []
    let next = 0
    const startedAt = performance.now()
    await Promise.all(
      Array.from({ length: input.lines }, async () => {
        const line = new GettingLine(input.port, input.headers)
        while (next < input.requests) {
          const path = input.paths[next++ % input.paths.length] as string
          const askedAt = performance.now()
          const status = await line.get(path)
          if (status !== 200) throw new Error(`GET ${path}: ${status}`)
          latenciesMs.push(performance.now() - askedAt)
        }
        line.close()
      }),
    )
    return { tookMs: performance.now() - startedAt, latenciesMs }
  },
})
