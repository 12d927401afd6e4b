import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdapter } from '@socket.io/redis-adapter'
import { Redis } from 'ioredis'
import { Server } from 'socket.io'
import { paced } from '../parts/pace.ts'
import { serve } from '../parts/serve.ts'

/**
 * Socket.IO as its documentation shows it: default settings, the Redis adapter, one room per tenant. The same program
 * with no client of its own is the process that publishes, by the same adapter.
 */

const [, , redisUrl = ''] = process.argv
const publisher = new Redis(redisUrl)
const subscriber = publisher.duplicate()
const http = createServer()
const io = new Server(http, { adapter: createAdapter(publisher, subscriber) })
io.on(
  'connection',
  (socket) => void socket.join((socket.handshake.auth['tenant'] as string | undefined) ?? 'tenant'),
)
http.listen(0, '127.0.0.1', 4096)
await once(http, 'listening')

serve({
  port: () => (http.address() as AddressInfo).port,
  publish: async (input: { ticks: number; events: number; intervalMs: number; bytes: number }) => {
    await paced(input.ticks, input.intervalMs, () => {
      for (let i = 0; i < input.events; i++)
        io.to('tenant').emit('event', { data: 'x'.repeat(input.bytes - 22) })
    })
  },
})
