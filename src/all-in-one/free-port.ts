import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import type { Config } from '../platform/config.ts'
import { CannotStart } from './program.ts'

/**
 * Looks whether we may listen where we are told to, before anything is started for it. Another program can still take
 * the port meanwhile; then `listening` fails with the same words.
 */
export async function requireFreePort(config: Pick<Config, 'PORT' | 'HOST' | 'DATA_DIR'>): Promise<void> {
  if (config.PORT === 0) return
  const probe = createServer()
  try {
    probe.listen(config.PORT, config.HOST)
    await once(probe, 'listening')
  } catch (error) {
    throw cannotListen(config, error as NodeJS.ErrnoException)
  }
  probe.close()
  await once(probe, 'close')
}

/** The error of a `listen` in words. */
export function cannotListen(
  { PORT, HOST, DATA_DIR }: Pick<Config, 'PORT' | 'HOST' | 'DATA_DIR'>,
  error: NodeJS.ErrnoException,
): Error {
  const place = `${HOST}:${PORT}`
  if (error.code === 'EADDRINUSE') {
    const owner = ownerOf(DATA_DIR)
    const who =
      owner === undefined ? 'another program' : `another program, perhaps Switchboard (process ${owner})`
    return new CannotStart(
      `${place} is in use by ${who}; stop it, or set PORT to another port (0 picks a free one)`,
    )
  }
  if (error.code === 'EACCES')
    return new CannotStart(`${place}: this account may not listen there; set PORT to one above 1023`)
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
    return new CannotStart(`${HOST} is no address of this machine; set HOST to one, for instance 127.0.0.1`)
  return error
}

/** Whoever has the data directory at this moment. */
function ownerOf(dataDir: string): string | undefined {
  try {
    return readFileSync(join(dataDir, 'owner'), 'utf8').trim()
  } catch {
    return undefined
  }
}
