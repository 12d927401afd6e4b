import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statfsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { claimDirectory } from '../../src/embedded/directory-lock.ts'
import type { EmbeddedOptions } from '../../src/embedded/embedded-server.ts'
import { commandLine, endProcess } from '../../src/embedded/processes.ts'
import { type EmbeddedServers, type Need, startEmbedded } from '../../src/embedded/servers.ts'

export interface ScratchServers extends EmbeddedServers {
  dataDir: string
  /** For temporary files of whoever uses the servers; it goes with them. */
  temporary: string
}

/** Where Linux keeps files in memory. */
const memory = '/dev/shm'

/** A run of all tests has up to 2 GiB of files at a time; what else runs on the machine must still have room. */
const roomWanted = 6 * 1024 ** 3

/**
 * Starts servers whose data nobody needs afterwards, in `<temporary directory>/<prefix>-...`; `stop` takes the directory
 * away too. What killed runs of the same prefix left behind, directories and servers, goes first: it is gigabytes each
 * time, and a full disk fails whatever comes next.
 *
 * `inMemory` for databases that come and go: each is 800 files, and ext4, which gives no inode away again for minutes,
 * needs longer from one to the next (a quarter of all processor time of a run). Where memory is scarce it is ignored.
 */
export async function startScratch(
  prefix: string,
  options: Omit<EmbeddedOptions, 'dataDir'> & { need: Need; inMemory?: boolean },
): Promise<ScratchServers> {
  const parents = options.inMemory && hasMemory() ? [memory, tmpdir()] : [tmpdir()]
  for (const parent of parents) await removeAbandoned(parent, `${prefix}-`, options.log)
  const dataDir = mkdtempSync(join(parents[0] ?? tmpdir(), `${prefix}-`))
  // A root run lends PostgreSQL another account, which must be able to pass.
  chmodSync(dataDir, 0o755)
  const temporary = temporaryOf(dataDir)
  mkdirSync(temporary)
  const servers = await startEmbedded({ ...options, dataDir })
  return {
    ...servers,
    dataDir,
    temporary,
    stop: async () => {
      await servers.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** Also false where programs there would not start: caches of programs can lie beside the data. */
function hasMemory(): boolean {
  const mounts = readIfThere('/proc/self/mounts')
  const flags = new RegExp(`^\\S+ ${memory} tmpfs (\\S+)`, 'm').exec(mounts)?.[1]?.split(',')
  if (flags === undefined || flags.includes('noexec') || flags.includes('ro')) return false
  const { bavail, bsize } = statfsSync(memory)
  return Math.min(bavail * bsize, process.availableMemory()) >= roomWanted
}

const temporaryOf = (dataDir: string): string => join(dataDir, 'tmp')

/**
 * Removes the data directories under `parent` whose names begin with `prefix` and that no living process has claimed,
 * with the servers that still run on them. One without a lock is somebody's who has just begun.
 */
async function removeAbandoned(parent: string, prefix: string, log: (line: string) => void): Promise<void> {
  for (const name of readdirSync(parent).filter((one) => one.startsWith(prefix))) {
    const directory = join(parent, name)
    if (!existsSync(join(directory, 'lock'))) continue
    const release = claimIfFree(directory)
    if (release === undefined) continue
    log(`removing ${directory}, which an earlier run left behind`)
    const data = join(directory, 'postgres/data')
    await endServer(join(data, 'postmaster.pid'), data)
    const port = readIfThere(join(directory, 'redis.port'))
    await endServer(join(directory, 'redis/redis.pid'), `-server 127.0.0.1:${port}`)
    if (existsSync(temporaryOf(directory))) await removeAbandoned(temporaryOf(directory), '', log)
    await rm(directory, { recursive: true, force: true })
    release()
  }
}

/** Without a goodbye: its data goes next. A pid that now is another program's, or another server's, is nobody's leftover. */
async function endServer(pidFile: string, inCommandLine: string): Promise<void> {
  const pid = Number.parseInt(readIfThere(pidFile), 10)
  if (pid > 1 && commandLine(pid)?.includes(inCommandLine))
    await endProcess(pid, [{ signal: 'SIGKILL', waitMs: 5_000 }])
}

const readIfThere = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8').trim() : '')

/** Also undefined when the directory is another account's: it is then that account's to remove. */
function claimIfFree(directory: string): (() => void) | undefined {
  try {
    return claimDirectory(directory)
  } catch {
    return undefined
  }
}
