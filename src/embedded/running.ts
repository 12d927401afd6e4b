import { connect } from 'node:net'
import type { RecordedServer } from './embedded-server.ts'
import { recordedObjectStore, type StoreAccess } from './object-store/server.ts'
import { recordedPostgres } from './postgres.ts'
import { recordedRedis } from './redis.ts'

/** The servers of a data directory that take connections now. */
export interface RunningServers {
  postgres?: RecordedServer
  redis?: RecordedServer
  objectStore?: RecordedServer & StoreAccess
}

/**
 * Which embedded servers of this directory run, whoever started them. Looks only: it starts nothing, makes no file and
 * takes no lock. A server that is just starting or stopping may be missing or gone a moment later.
 */
export async function findRunning(dataDir: string): Promise<RunningServers> {
  const [postgres, redis, objectStore] = await Promise.all([
    ifRunning(recordedPostgres(dataDir)),
    ifRunning(recordedRedis(dataDir)),
    ifRunning(recordedObjectStore(dataDir)),
  ])
  return { ...(postgres && { postgres }), ...(redis && { redis }), ...(objectStore && { objectStore }) }
}

async function ifRunning<Server extends RecordedServer>(
  server: Server | undefined,
): Promise<Server | undefined> {
  return server !== undefined && (await takesConnections(server.port)) ? server : undefined
}

/** Loopback answers or refuses within microseconds; the limit is for a server that is stopped in its tracks. */
const patienceMs = 1000

/** Whether anybody accepts on this port of loopback. */
export function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const finish = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(patienceMs, () => finish(false))
    socket.once('connect', () => finish(true))
    socket.once('error', () => finish(false))
  })
}
