import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/**
 * Claims `dataDir` for this process and returns the function that gives it back; throws when another process has it.
 *
 * The claim is SQLite's exclusive lock on an empty database file: a lock of the operating system, which it drops when
 * the process ends in whatever way. A pid file would need cleaning after kill -9, and a pid can come to mean another
 * program. (Node has no flock of its own.)
 */
export function claimDirectory(dataDir: string): () => void {
  mkdirSync(dataDir, { recursive: true })
  const owner = join(dataDir, 'owner')
  const lock = new DatabaseSync(join(dataDir, 'lock'), { timeout: 0 })
  try {
    lock.exec('begin exclusive')
  } catch (error) {
    lock.close()
    throw new Error(
      `${resolve(dataDir)} is in use by another Switchboard (process ${readOwner(owner)}); stop that one, or set DATA_DIR to another directory`,
      { cause: error },
    )
  }
  writeFileSync(owner, `${process.pid}\n`)
  return () => {
    rmSync(owner, { force: true })
    lock.close()
  }
}

function readOwner(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return 'unknown'
  }
}
