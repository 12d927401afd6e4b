import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { serve } from './serve.ts'

/**
 * Clients, with as little work per frame as can be: they speak just enough Engine.IO to stay connected and count what
 * arrives. All ways are measured with these same clients.
 */

interface Group {
  readonly sockets: WebSocket[]
  /** Events that arrived, over all sockets. */
  events: number
  /** Sockets that are where `until` says. */
  here: number
  /** When anything at all arrived last, monotonic milliseconds. */
  lastAt: number
  readonly latenciesUs: number[]
  /** When frames arrived that carry a mark, over all sockets: [mark, microseconds of the machine's monotonic clock]. */
  readonly arrivals: [mark: number, atUs: number][]
  /** Sockets that were closed from the other side. */
  closed: number
  readonly refusals: string[]
  check: () => void
}

interface Connect {
  readonly group: string
  readonly url: string
  /** One socket per entry: what is sent as the Socket.IO connect packet; null on bare WebSockets. */
  readonly connects: readonly (string | null)[]
  /** Beginning of the frame that says that a socket is where it should be; '' when being open is enough. */
  readonly until: string
  /** Beginning of the frames that are counted. */
  readonly counted: string
}

/** How a connect packet is refused in the Socket.IO protocol. */
const refused = '44'

const groups = new Map<string, Group>()
/** Written by the writer into what it commits: which of them it is. */
const marked = /mark-(\d+)-/
/** Marks stand near the beginning of a frame. */
const markWithinBytes = 400
/** Written by the poster into what it sends: when it was sent, microseconds of the machine's monotonic clock. */
const sentAt = /sent-at-(\d+)/

function groupOf(name: string): Group {
  let group = groups.get(name)
  if (!group) {
    group = {
      sockets: [],
      events: 0,
      here: 0,
      lastAt: 0,
      latenciesUs: [],
      arrivals: [],
      closed: 0,
      refusals: [],
      check: () => {},
    }
    groups.set(name, group)
  }
  return group
}

function open(group: Group, { url, until, counted }: Connect, packet: string | null): void {
  const socket = new WebSocket(url, { perMessageDeflate: false })
  group.sockets.push(socket)
  const arrived = () => {
    group.here += 1
    group.check()
  }
  if (until === '') socket.on('open', arrived)
  socket.on('error', () => {})
  socket.on('close', () => {
    group.closed += 1
    group.check()
  })
  socket.on('message', (data: Buffer) => {
    group.lastAt = performance.now()
    const first = data[0]
    if (first === 0x34 && data[1] === 0x32 && startsWith(data, counted)) return count(group, data)
    if (first === 0x30 && packet !== null) return socket.send(packet)
    if (first === 0x32 && data.length === 1) return socket.send('3')
    if (until !== '' && startsWith(data, until)) arrived()
    if (startsWith(data, refused)) group.refusals.push(data.toString())
  })
}

function count(group: Group, data: Buffer): void {
  group.events += 1
  if (group.latenciesUs.length > 0 || data.includes('sent-at-')) {
    const sent = sentAt.exec(data.toString('latin1'))?.[1]
    if (sent !== undefined) group.latenciesUs.push(nowUs() - Number(sent))
  }
  const mark = marked.exec(data.toString('latin1', 0, markWithinBytes))?.[1]
  if (mark !== undefined) group.arrivals.push([Number(mark), nowUs()])
  group.check()
}

const nowUs = (): number => Number(process.hrtime.bigint() / 1000n)

const startsWith = (data: Buffer, text: string): boolean =>
  data.length >= text.length && data.toString('latin1', 0, text.length) === text

/** Settles when `isTrue`, looked at after every frame; fails when that takes too long. */
function wait(group: Group, isTrue: () => boolean, withinMs: number, what: () => string): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => {
      group.check = () => {}
      reject(new Error(`after ${withinMs} ms: ${what()}`))
    }, withinMs)
    group.check = () => {
      if (!isTrue()) return
      group.check = () => {}
      clearTimeout(late)
      resolve()
    }
    group.check()
  })
}

serve({
  /** Opens all sockets at once, beside those that the group has; settles when each is where `until` says. */
  connect: async (input: Connect) => {
    const group = groupOf(input.group)
    const wanted = group.here + input.connects.length
    for (const [place, packet] of input.connects.entries()) {
      open(group, input, packet)
      // A backlog of the listening socket is finite; the servers are what should be busy, not the kernel's retries.
      if (place % 100 === 99) await new Promise((resolve) => setImmediate(resolve))
    }
    await wait(
      group,
      () => group.here >= wanted,
      60_000,
      () =>
        `${group.here} of ${wanted} connected; ${group.refusals.length} refused ${group.refusals[0] ?? ''}`,
    )
  },
  /** Events so far. */
  events: ({ group }: { group: string }) => groupOf(group).events,
  /** Settles when so many events arrived in all. */
  reach: ({
    group: name,
    events,
    withinMs = 30_000,
  }: {
    group: string
    events: number
    withinMs?: number
  }) => {
    const group = groupOf(name)
    return wait(
      group,
      () => group.events >= events,
      withinMs,
      () => `${group.events} of ${events} events`,
    )
  },
  /** Microseconds from the poster to the socket, of every frame that said when it was sent; forgets them. */
  latencies: ({ group }: { group: string }) => groupOf(group).latenciesUs.splice(0),
  /** When marked frames arrived; forgets them. */
  arrivals: ({ group }: { group: string }) => groupOf(group).arrivals.splice(0),
  /** Nothing is taken off the wire any more, until `readOn`. */
  stopReading: ({ group }: { group: string }) => {
    for (const socket of groupOf(group).sockets) socket.pause()
  },
  readOn: ({ group }: { group: string }) => {
    for (const socket of groupOf(group).sockets) socket.resume()
  },
  /** Settles when the other side has closed all sockets. */
  closed: ({ group: name }: { group: string }) => {
    const group = groupOf(name)
    return wait(
      group,
      () => group.closed === group.sockets.length,
      30_000,
      () => `${group.closed} of ${group.sockets.length} closed`,
    )
  },
  /** Settles when nothing arrived for so long: presences are told for a while after many came at once. */
  quiet: async ({ group, forMs }: { group: string; forMs: number }) => {
    for (;;) {
      const left = groupOf(group).lastAt + forMs - performance.now()
      if (left <= 0) return
      await pause(left)
    }
  },
  /** Every socket says that it is there, as each does after the first ping: it lets go of what the handshake left. */
  pong: ({ group }: { group: string }) => {
    for (const socket of groupOf(group).sockets) socket.send('3')
  },
  disconnect: async ({ group: name }: { group: string }) => {
    const group = groupOf(name)
    groups.delete(name)
    const open = group.sockets.filter(({ readyState }) => readyState !== WebSocket.CLOSED)
    const closed = open.map((socket) => once(socket, 'close'))
    for (const socket of group.sockets) socket.terminate()
    await Promise.all(closed)
  },
})
