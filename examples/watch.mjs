// Prints everything that happens in a tenant, from now on, and picks up where it was after a break.
// usage: node watch.mjs URL TOKEN
import { io } from 'socket.io-client'

const [address = 'http://127.0.0.1:4000', token] = process.argv.slice(2)
const { origin, pathname } = new URL(address)
let position

const socket = io(origin, {
  path: `${pathname.replace(/\/$/, '')}/socket.io`,
  transports: ['websocket'],
  auth: (give) => give({ token, position }),
})
socket.on('connect_error', (error) => console.error('refused:', error.data ?? error.message))
socket.on('disconnect', (reason) => console.error('disconnected:', reason))
socket.onAny((name, event) => {
  if (event.seq === undefined) position = event.position ?? position
  else position = `${event.epoch}:${event.seq}`
  console.log(name, JSON.stringify(event.data ?? event))
})
