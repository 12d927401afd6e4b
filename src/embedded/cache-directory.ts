import { chmodSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * Where program files are kept between runs and between checkouts. Root gets a system directory, because PostgreSQL
 * must run as another account and that account cannot pass root's home (0700). When the usual place cannot be written,
 * the cache lives inside `dataDir`.
 */
export function cacheDirectory(dataDir: string): string {
  const usual = process.getuid?.() === 0 ? '/var/cache/switchboard' : join(homedir(), '.cache', 'switchboard')
  try {
    return openDirectory(usual)
  } catch {
    return openDirectory(join(dataDir, 'cache'))
  }
}

/** Makes `directory` with rights for everybody to pass and read, whatever the umask says; returns it. */
export function openDirectory(directory: string): string {
  mkdirSync(directory, { recursive: true })
  if (process.getuid?.() === 0) chmodSync(directory, 0o755)
  return directory
}
