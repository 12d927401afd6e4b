import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from 'socket.io'
import { serve } from '../parts/serve.ts'

/** Socket.IO with its default settings and nothing else: no token, no rights, no greeting, no rooms. */

const http = createServer()
const io = new Server(http)
io.on('connection', () => {})
http.listen(0, '127.0.0.1', 4096)
await once(http, 'listening')

serve({ port: () => (http.address() as AddressInfo).port })
