import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { keptSecret } from '../platform/kept-secret.ts'

/** True when nobody listens on this loopback port at this moment. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}

/** A loopback port that was free a moment ago; another program may still take it first. */
function anyFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() =>
        address !== null && typeof address === 'object' ? resolve(address.port) : reject(address),
      )
    })
  })
}

/**
 * The port kept in `file` when it is free, otherwise a new one, which is then kept: a restart keeps its URLs.
 * `renew` forces a new one, for when the kept port was lost to another program between looking and binding.
 */
export async function rememberedPort(file: string, renew = false): Promise<number> {
  const kept = existsSync(file) ? Number(readFileSync(file, 'utf8')) : Number.NaN
  if (!renew && Number.isInteger(kept) && kept > 0 && kept < 65536 && (await isFree(kept))) return kept
  const port = await anyFreePort()
  writeFileSync(file, `${port}\n`)
  return port
}

/** The secret kept in `file` (mode 0600), made on first use: 24 random bytes in base64url, safe inside a URL. */
export function rememberedSecret(file: string): string {
  return keptSecret(file, () => randomBytes(24).toString('base64url'))
}

/** A port and a secret that an earlier start kept, without making either; undefined when one is missing. */
export function readRecord(
  portFile: string,
  secretFile: string,
): { port: number; secret: string } | undefined {
  if (!existsSync(portFile) || !existsSync(secretFile)) return undefined
  const port = Number(readFileSync(portFile, 'utf8'))
  const secret = readFileSync(secretFile, 'utf8').trim()
  return Number.isInteger(port) && port > 0 && port < 65536 && secret !== '' ? { port, secret } : undefined
}
