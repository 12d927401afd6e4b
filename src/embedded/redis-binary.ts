import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openDirectory } from './cache-directory.ts'
import { findProgram } from './find-program.ts'

const run = promisify(execFile)

/** A Redis-compatible server program. */
export interface RedisBinary {
  program: string
  /** What its dynamic linker needs to find libraries unpacked beside it; undefined for an installed program. */
  libraryPath: string | undefined
  from: string
}

/**
 * valkey-server or redis-server on the PATH; else the distribution's package, unpacked into the cache. The latter needs
 * no rights and installs nothing: no service starts, nothing listens on 6379.
 */
export async function findRedis(cacheDir: string, log: (line: string) => void): Promise<RedisBinary> {
  for (const name of ['valkey-server', 'redis-server']) {
    const program = await findProgram(name)
    if (program !== undefined) return { program, libraryPath: undefined, from: program }
  }
  const unpacked = join(cacheDir, 'redis')
  if (!existsSync(unpacked)) {
    const hints =
      'Set REDIS_URL, or install one: brew install valkey | apt-get install redis-server | dnf install valkey'
    if (!(await findProgram('apt-get')) || !(await findProgram('dpkg-deb')))
      throw new Error(`No Redis here. ${hints}`)
    log('no redis-server on the PATH: fetching the distribution package (nothing is installed system-wide)')
    try {
      await unpackFromApt(cacheDir, unpacked)
    } catch (error) {
      throw new Error(`No Redis here, and fetching it with apt-get failed. ${hints}`, { cause: error })
    }
  }
  const program = join(unpacked, 'usr/bin/redis-server')
  return { program, libraryPath: libraryPath(unpacked), from: 'distribution package redis-server' }
}

/**
 * Downloads the server and what it needs with package lists of our own, because an ordinary user may not refresh the
 * system's and a fresh container has none. `-s install` prints an `Inst` line per missing package; the server program
 * itself is in redis-tools, and redis-server links to it. About 3 s and 10 MB of transfer.
 */
async function unpackFromApt(cacheDir: string, target: string): Promise<void> {
  const work = join(openDirectory(cacheDir), `apt-${process.pid}`)
  const debs = join(work, 'debs')
  for (const part of ['state/lists/partial', 'cache/archives/partial', 'debs']) {
    mkdirSync(join(work, part), { recursive: true })
  }
  const settings = {
    'Dir::State': join(work, 'state'),
    'Dir::State::status': '/var/lib/dpkg/status',
    'Dir::Cache': join(work, 'cache'),
    'APT::Sandbox::User': process.getuid?.() === 0 ? 'root' : '',
  }
  const options = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`])
  const apt = async (...args: string[]) => {
    const limits = { cwd: debs, timeout: 120_000, maxBuffer: 16 * 1024 * 1024 }
    return (await run('env', ['LC_ALL=C', 'apt-get', ...options, '-qq', ...args], limits)).stdout
  }
  try {
    await apt('update')
    const plan = await apt('-s', 'install', '--no-install-recommends', 'redis-server')
    const missing = [...plan.matchAll(/^Inst (\S+)/gm)].flatMap((match) => match[1] ?? [])
    await apt('download', ...new Set([...missing, 'redis-server', 'redis-tools']))
    const tree = join(work, 'tree')
    for (const deb of readdirSync(debs)) await run('dpkg-deb', ['-x', join(debs, deb), tree])
    if (!existsSync(join(tree, 'usr/bin/redis-server'))) throw new Error('the packages hold no redis-server')
    renameSync(tree, target)
  } catch (error) {
    // Another process may have unpacked the same while we did.
    if (!existsSync(target)) throw error
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** The unpacked tree's library directories, e.g. usr/lib/x86_64-linux-gnu. */
function libraryPath(tree: string): string {
  return ['usr/lib', 'lib']
    .filter((part) => existsSync(join(tree, part)))
    .flatMap((part) => readdirSync(join(tree, part)).map((name) => join(tree, part, name)))
    .filter((directory) => directory.includes('-linux-'))
    .join(':')
}
