import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerGraph, type GraphAnswer, type GraphCall, type GraphParts } from './graph-api.ts'
import { badToken, GraphRefusal } from './graph-refusal.ts'

/** Meta takes files of 100 MB. */
const mostBytes = 101 * 1024 * 1024

export interface GraphServer {
  /** `127.0.0.1:port` */
  readonly host: string
  close(): Promise<void>
}

/**
 * Serves the Graph API on a loopback port (0 picks a free one). Until `partsOf` gives a number, nobody's token is good.
 * Fails as `listen` fails.
 */
export async function startGraphServer(
  port: number,
  partsOf: () => GraphParts | undefined,
): Promise<GraphServer> {
  const server = createServer((request, response) => {
    void answer(request, response, partsOf()).catch(() => response.destroy())
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  parts: GraphParts | undefined,
): Promise<void> {
  try {
    const call = await read(request)
    if (parts === undefined) throw badToken()
    write(response, 200, await answerGraph(parts, call))
  } catch (error) {
    const refusal =
      error instanceof GraphRefusal ? error : new GraphRefusal(500, 131000, '(#131000) Something went wrong')
    write(response, refusal.status, { json: refusal.body() })
  }
}

async function read(request: IncomingMessage): Promise<GraphCall> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += (chunk as Buffer).byteLength
    if (size > mostBytes)
      throw new GraphRefusal(400, 131053, '(#131053) Media upload error', {
        details: 'The file is too large.',
      })
    chunks.push(chunk as Buffer)
  }
  return {
    method: request.method ?? 'GET',
    url: new URL(request.url ?? '/', `http://${request.headers.host ?? '127.0.0.1'}`),
    headers: request.headers,
    body: Buffer.concat(chunks),
  }
}

function write(response: ServerResponse, status: number, answer: GraphAnswer): void {
  const [bytes, type] =
    'json' in answer
      ? [Buffer.from(JSON.stringify(answer.json)), 'application/json; charset=UTF-8']
      : [answer.bytes, answer.mimeType]
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.byteLength })
  response.end(bytes)
}
