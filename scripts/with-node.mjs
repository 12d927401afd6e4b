/**
 * Runs the given command on a Node that is new enough, with the project's dependencies in place:
 *
 *   node scripts/with-node.mjs vitest run
 *
 * Plain JavaScript, because it must start on any Node >= 18. It uses the Node it was started with when that is new
 * enough, otherwise a private copy in tools/node (its own lockfile, addressed by path: npm 10 can lose the link in
 * node_modules/.bin when a platform package beside it does not fit). npm's install scripts are never run.
 *
 * Signals: the command runs in a process group of its own, so a Ctrl-C on the terminal reaches only this process, which
 * passes it on. That makes "once" a decision taken here: `npm start` hears the same Ctrl-C and sends a copy, which is
 * dropped. The exit code is the command's, or 128 + the signal that ended it.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const say = (line) => console.error(`switchboard: ${line}`)

function giveUp(why) {
  say(why)
  process.exit(1)
}

function fail(why) {
  say(why)
  say('It needs Node >= 24.7 and npm. Get Node from https://nodejs.org or a version manager, then try again.')
  process.exit(1)
}

/** Arguments of every install: no scripts from packages, and no questions or advertisements. */
const install = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']

/**
 * Runs npm in `directory` with `path` as PATH; true when it succeeded. Its pid stands in `lock`: it goes on when we are
 * killed, and whoever comes next must not install over it.
 */
function npm(directory, path, lock) {
  const result = spawnSync(
    '/bin/sh',
    ['-c', 'echo $$ > "$0" && exec npm "$@"', join(lock, 'npm'), ...install],
    {
      cwd: directory,
      env: { ...process.env, PATH: path },
      stdio: 'inherit',
    },
  )
  if (result.error || result.status === 127) fail('npm could not be started.')
  return result.status === 0
}

/** Holds a lock directory while `work` runs, so that two commands started together do not install over each other. */
function alone(lock, work) {
  const waitUntil = Date.now() + 10 * 60_000
  for (let told = false; ; told = true) {
    try {
      mkdirSync(lock)
      break
    } catch (error) {
      if (['EACCES', 'EPERM', 'EROFS', 'ENOSPC'].includes(error.code)) {
        giveUp(
          `what is missing cannot be installed: nothing can be written to ${dirname(lock)} (${error.code}).`,
        )
      }
      if (error.code !== 'EEXIST') throw error
      if (isAbandoned(lock)) {
        rmSync(lock, { recursive: true, force: true })
        continue
      }
      if (!told) say('another command is installing here; waiting for it')
      if (Date.now() > waitUntil)
        fail(`The install by another command did not end; remove ${lock} if there is none.`)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
    }
  }
  const release = () => rmSync(lock, { recursive: true, force: true })
  process.once('exit', release)
  writeFileSync(join(lock, 'pid'), String(process.pid))
  work(lock)
  process.off('exit', release)
  release()
}

/** True when the process that took the lock is gone, for instance after kill -9, and its npm as well. */
function isAbandoned(lock) {
  const owner = pidIn(join(lock, 'pid'))
  if ([owner, pidIn(join(lock, 'npm'))].some(isAlive)) return false
  // The owner makes the directory first and writes its pid a moment later.
  const madeAt = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()
  return owner !== undefined || Date.now() - madeAt > 5000
}

function pidIn(file) {
  const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0
  return pid > 0 ? pid : undefined
}

function isAlive(pid) {
  try {
    return pid !== undefined && process.kill(pid, 0)
  } catch (error) {
    return error.code !== 'ESRCH'
  }
}

/** The directory with a `node` that is new enough; fetches the private copy when it must. */
function nodeDirectory() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 24 || (major === 24 && minor >= 7)) return dirname(process.execPath)
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
    fail(
      `Node ${process.versions.node} is too old, and there is no private copy for ${process.platform}-${process.arch}.`,
    )
  }
  const tool = join(root, 'tools/node')
  const bin = join(tool, `node_modules/node-linux-${process.arch}/bin`)
  const works = () => spawnSync(join(bin, 'node'), ['--version'], { stdio: 'ignore' }).status === 0
  if (existsSync(join(bin, 'node')) && works()) return bin
  alone(join(tool, '.installing'), (lock) => {
    if (existsSync(join(bin, 'node')) && works()) return
    say(`Node ${process.versions.node} is too old; fetching Node 24 into tools/node (once, 190 MB on disk)`)
    if (!npm(tool, process.env.PATH, lock)) giveUp('Fetching Node 24 failed; npm says why above.')
  })
  if (!works()) fail('The fetched Node does not run on this machine (it needs glibc >= 2.28).')
  return bin
}

/**
 * Installs the dependencies unless node_modules already matches package-lock.json. The match is by content, kept in a
 * stamp: a checkout that only touches the lockfile's date must not cost an install.
 */
function ensureDependencies(path) {
  const modules = join(root, 'node_modules')
  const lockfile = join(root, 'package-lock.json')
  const stamp = join(modules, '.switchboard-installed')
  const wanted = createHash('sha256').update(readFileSync(lockfile)).digest('hex')
  const isCurrent = () => {
    if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return true
    // Installed by hand: npm writes this file last, so being newer than the lockfile means being in step with it.
    const byNpm = join(modules, '.package-lock.json')
    if (!existsSync(byNpm) || statSync(byNpm).mtimeMs < statSync(lockfile).mtimeMs) return false
    writeFileSync(stamp, wanted)
    return true
  }
  if (isCurrent()) return
  alone(join(root, '.installing'), (lock) => {
    if (isCurrent()) return
    say('installing dependencies (npm ci)')
    const startedAt = Date.now()
    if (!npm(root, path, lock)) giveUp('npm ci failed; npm says why above.')
    writeFileSync(stamp, wanted)
    say(`dependencies are ready after ${((Date.now() - startedAt) / 1000).toFixed(1)} s`)
  })
}

/** Who started this shell; undefined when it is none (some shells become the command that they run) or nobody can say. */
function parentOfShell(pid) {
  try {
    if (!/^(\/\S*\/)?(ba|da)?sh\0-c\0/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))) return undefined
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]
  } catch {
    return undefined
  }
}

/**
 * Runs the command to its end, passing signals on, and ends this process as the command ended. Signals that follow the
 * first within a second are copies of it: npm repeats a Ctrl-C, and a closing terminal sends a hangup beside.
 */
function run(command, args, path) {
  const child = spawn(command, args, {
    env: { ...process.env, PATH: path },
    stdio: 'inherit',
    detached: true,
  })
  const copiesWithinMs = 1000
  let passedAt = 0
  const pass = (signal) => {
    if (Date.now() - passedAt < copiesWithinMs) return
    passedAt = Date.now()
    child.kill(signal)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) process.on(signal, pass)
  // npm gives a SIGTERM to its shell, which ends without a word to us: then our parent changes, and that is the word. And a
  // killed npm leaves its shell waiting for us: then the shell's parent changes.
  if (process.env.npm_lifecycle_event !== undefined) {
    const shell = process.ppid
    const npm = parentOfShell(shell)
    const isGone = () => process.ppid !== shell || parentOfShell(shell) !== npm
    setInterval(() => isGone() && passedAt === 0 && pass('SIGTERM'), 200).unref()
  }
  child.once('error', (error) => {
    say(`${command} could not be started: ${error.message}`)
    process.exit(127)
  })
  child.once('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
}

const [command, ...args] = process.argv.slice(2)
if (command === undefined) {
  say('usage: node scripts/with-node.mjs <command> [arguments]')
  process.exit(2)
}
const localBin = join(root, 'node_modules/.bin')
const inherited = (process.env.PATH ?? '').split(delimiter).filter((directory) => directory !== localBin)
const path = [nodeDirectory(), localBin, ...inherited].join(delimiter)
ensureDependencies(path)
run(command, args, path)
