import { connect, type Socket } from 'node:net'

/**
 * One keep-alive HTTP connection that posts one request after the other. It reads of an answer only its status and
 * length, so that the client costs little beside the servers on the same machine.
 */
export class PostingLine {
  readonly #socket: Socket
  readonly #head: string
  #answer = ''
  #settle: { resolve: (status: number) => void; reject: (error: Error) => void } | undefined

  constructor(port: number, path: string) {
    this.#head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n`
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.setNoDelay(true)
    this.#socket.on('data', (chunk: Buffer) => this.#take(chunk.toString('latin1')))
    this.#socket.on('error', (error) => this.#settle?.reject(error))
    this.#socket.on('close', () => this.#settle?.reject(new Error('the server closed the connection')))
  }

  /** Posts; answers with the status once the whole answer is here. One at a time. */
  post(body: string, headers: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
      this.#socket.write(`${this.#head}${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
    })
  }

  #take(chunk: string): void {
    this.#answer += chunk
    const end = this.#answer.indexOf('\r\n\r\n')
    if (end < 0) return
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(this.#answer)?.[1] ?? 0)
    if (this.#answer.length < end + 4 + length) return
    const status = Number(this.#answer.slice(9, 12))
    this.#answer = ''
    const settle = this.#settle
    this.#settle = undefined
    settle?.resolve(status)
  }

  close(): void {
    this.#socket.destroy()
  }
}
