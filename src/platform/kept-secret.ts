import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

/**
 * The secret kept in `file` (mode 0600), made on first use. The file gets its name with the secret in it, and whoever comes
 * second takes that of the first; so neither a killed process nor a full disk nor two starts at once leave an empty or a
 * second one. An empty file holds no secret, whoever left it.
 */
export function keptSecret(file: string, make: () => string): string {
  const kept = read(file)
  if (kept !== '') return kept
  const unfinished = `${file}.${process.pid}`
  try {
    writeFileSync(unfinished, `${make()}\n`, { mode: 0o600, flush: true })
    if (existsSync(file) && read(file) === '') rmSync(file)
    linkSync(unfinished, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(unfinished, { force: true })
  }
  return read(file)
}

function read(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : ''
}
