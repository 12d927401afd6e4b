import { randomBytes, scrypt, type ScryptOptions, timingSafeEqual } from 'node:crypto'
import { Failure } from '../../contract/errors.ts'
import type { Config } from '../../platform/config.ts'

/** OWASP's scrypt of 32 MiB: N 2^15, r 8, p 3. Kept with each hash, so that it can be raised for new ones. */
const cost = { N: 2 ** 15, r: 8, p: 3 }
const saltBytes = 16
const keyBytes = 32
const memory = (N: number, r: number): number => 256 * N * r

/** `scrypt$N$r$p$salt$key`, the last two in base64. */
const shape = /^scrypt\$(\d+)\$(\d+)\$(\d+)\$([\w+/=]+)\$([\w+/=]+)$/

type HashConfig = Pick<Config, 'LOCAL_HASHES' | 'LOCAL_HASHES_WAITING'>

/** Hashing costs memory and a core for a tenth of a second, so few at a time, and no endless line before them. */
let running = 0
const line: (() => void)[] = []

async function inLine<T>(config: HashConfig, work: () => Promise<T>): Promise<T> {
  if (running >= config.LOCAL_HASHES) {
    if (line.length >= config.LOCAL_HASHES_WAITING) throw new Failure('unavailable', { retryAfterMs: 1000 })
    await new Promise<void>((resolve) => line.push(resolve))
  } else running += 1
  try {
    return await work()
  } finally {
    const next = line.shift()
    if (next) next()
    else running -= 1
  }
}

function derive(password: string, salt: Buffer, length: number, options: ScryptOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, length, options, (error, key) =>
      error ? reject(error) : resolve(key),
    )
  })
}

/** A new salt each time. Fails with `unavailable` when too many wait. */
export async function hashPassword(config: HashConfig, password: string): Promise<string> {
  const salt = randomBytes(saltBytes)
  const options = { ...cost, maxmem: memory(cost.N, cost.r) }
  const key = await inLine(config, () => derive(password, salt, keyBytes, options))
  return `scrypt$${cost.N}$${cost.r}$${cost.p}$${salt.toString('base64')}$${key.toString('base64')}`
}

/** Where there is no hash the same work is done for nothing, so that the time does not tell which addresses there are. */
export async function isPassword(
  config: HashConfig,
  password: string,
  hash: string | undefined,
): Promise<boolean> {
  const [, n, r, p, salt = '', key = ''] = shape.exec(hash ?? '') ?? []
  if (hash === undefined || n === undefined) {
    await hashPassword(config, password)
    return false
  }
  const wanted = Buffer.from(key, 'base64')
  const [N, R] = [Number(n), Number(r)]
  const options = { N, r: R, p: Number(p), maxmem: memory(N, R) }
  const got = await inLine(config, () =>
    derive(password, Buffer.from(salt, 'base64'), wanted.length, options),
  )
  return timingSafeEqual(got, wanted)
}
