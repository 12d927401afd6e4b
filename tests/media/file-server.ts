import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A network's file server that does with a connection whatever a test wants: byte by byte, where the stand-in is too polite. */
export interface FileServer extends AsyncDisposable {
  readonly url: string
  readonly host: string
  /** Requests so far, as `METHOD path`. */
  readonly asked: string[]
  readonly headers: IncomingMessage['headers'][]
  /** What the next requests get. */
  serve: (response: ServerResponse, request: IncomingMessage) => void
}

export async function startFileServer(serve: FileServer['serve'] = notFound): Promise<FileServer> {
  const asked: string[] = []
  const headers: IncomingMessage['headers'][] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    headers.push(request.headers)
    response.on('error', () => {})
    request.resume()
    request.on('end', () => self.serve(response, request))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const self: FileServer = {
    url: `http://${host}`,
    host,
    asked,
    headers,
    serve,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return self
}

function notFound(response: ServerResponse): void {
  response.writeHead(404).end()
}

export function bytes(body: Uint8Array, mimeType = 'application/octet-stream'): FileServer['serve'] {
  return (response) =>
    response.writeHead(200, { 'content-type': mimeType, 'content-length': body.length }).end(body)
}

/** A body of this many bytes, in pieces as fast as they are taken, without saying how long it will be. */
export function endless(size: number, seed: Uint8Array = Buffer.alloc(0)): FileServer['serve'] {
  return (response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream' })
    response.write(seed)
    const piece = Buffer.alloc(64 * 1024, 7)
    let left = size - seed.length
    const more = (): void => {
      while (left > 0) {
        const next = piece.subarray(0, Math.min(left, piece.length))
        left -= next.length
        if (!response.write(next)) return void response.once('drain', more)
      }
      response.end()
    }
    more()
  }
}
