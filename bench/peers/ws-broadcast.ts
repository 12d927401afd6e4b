import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { WebSocketServer } from 'ws'
import { paced } from '../parts/pace.ts'
import { serve } from '../parts/serve.ts'

/**
 * The limit in Node: a bare `ws` server that makes one WebSocket frame per event and writes it to each socket. It needs
 * no database, no Redis, no rights and no order; events come from its own timer.
 */

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, backlog: 4096 })
await once(server, 'listening')

/** Bytes of text of one event. */
function frameOf(bytes: number): Buffer {
  const text = `42["event",{"data":"${'x'.repeat(bytes - 22)}"}]`
  const head = Buffer.alloc(4)
  head[0] = 0x81
  head[1] = 126
  head.writeUInt16BE(text.length, 2)
  return Buffer.concat([head, Buffer.from(text)])
}

serve({
  port: () => (server.address() as AddressInfo).port,
  /** `events` per tick, written frame by frame. */
  broadcast: async (input: { ticks: number; events: number; intervalMs: number; bytes: number }) => {
    await paced(input.ticks, input.intervalMs, () => {
      for (let i = 0; i < input.events; i++) {
        const frame = frameOf(input.bytes)
        for (const client of server.clients) (client as unknown as { _socket: Socket })._socket.write(frame)
      }
    })
  },
})
