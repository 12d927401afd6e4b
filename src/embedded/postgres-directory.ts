import { randomUUID } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { openDirectory } from './cache-directory.ts'
import { type Account, canReach, postgresAccount } from './postgres-account.ts'

/** Where one PostgreSQL lives and as whom it runs. */
export interface PostgresHome {
  /** Owned by `account`; holds the cluster and the log. */
  directory: string
  account: Account
}

/**
 * `<dataDir>/postgres`, except when root works below a directory that PostgreSQL's account cannot pass (a checkout in
 * /root): then a directory under /var/lib/switchboard, named by a random key in `<dataDir>/postgres.location`, so that
 * deleting `dataDir` still means starting from nothing.
 */
export function postgresHome(dataDir: string, log: (line: string) => void): PostgresHome {
  mkdirSync(dataDir, { recursive: true })
  const inside = resolve(dataDir, 'postgres')
  const account = postgresAccount(inside)
  const location = join(dataDir, 'postgres.location')
  if (existsSync(location) || !canReach(account, inside)) {
    if (!existsSync(location)) writeFileSync(location, `/var/lib/switchboard/${randomUUID()}\n`)
    const outside = readFileSync(location, 'utf8').trim()
    openDirectory('/var/lib/switchboard')
    log(
      `PostgreSQL cannot run as root and its account cannot enter ${resolve(dataDir)}; its data is in ${outside}`,
    )
    const owner = postgresAccount(outside)
    return { directory: own(outside, owner), account: owner }
  }
  return { directory: own(inside, account), account }
}

/** Makes the directory for the account alone. Not recursive: the mode would be given to the parents too. */
function own(directory: string, account: Account): string {
  if (!existsSync(directory)) mkdirSync(directory, { mode: 0o700 })
  if (account.uid !== undefined && account.gid !== undefined) chownSync(directory, account.uid, account.gid)
  return directory
}
