import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/** The ids PostgreSQL runs under; both absent means: as ourselves. */
export interface Account {
  uid?: number
  gid?: number
}

/**
 * PostgreSQL refuses to run as root, so root lends it an account without rights: the owner of the data that is already
 * there, else `postgres`, else `nobody`. It must have a line in the account file, or initdb cannot look itself up.
 */
export function postgresAccount(dataDirectory: string): Account {
  if (process.getuid?.() !== 0) return {}
  if (existsSync(dataDirectory)) {
    const { uid, gid } = statSync(dataDirectory)
    if (uid !== 0) return { uid, gid }
  }
  const accounts = readFileSync('/etc/passwd', 'utf8')
  for (const name of ['postgres', 'nobody']) {
    const line = new RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, 'm').exec(accounts)
    if (line) return { uid: Number(line[1]), gid: Number(line[2]) }
  }
  throw new Error(
    'PostgreSQL does not run as root, and this machine has neither a postgres nor a nobody account',
  )
}

/** True when `account` can walk down to `directory`: each parent grants it (or everybody) the right to pass. */
export function canReach(account: Account, directory: string): boolean {
  if (account.uid === undefined) return true
  for (let at = dirname(directory); ; at = dirname(at)) {
    if (existsSync(at)) {
      const { mode, uid, gid } = statSync(at)
      const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001
      if ((mode & bit) === 0) return false
    }
    if (at === dirname(at)) return true
  }
}
