import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type EmbeddedRedis, startRedis } from '../../src/embedded/redis.ts'

/** A Redis of the test's own, to be stopped and emptied. */
export async function ownRedis(): Promise<EmbeddedRedis & AsyncDisposable> {
  const dataDir = mkdtempSync(join(tmpdir(), 'switchboard-test-redis-'))
  const redis = await startRedis({ dataDir, log: () => {}, test: true })
  return Object.assign(redis, {
    [Symbol.asyncDispose]: async () => {
      await redis.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  })
}

/** A TCP link to Redis whose connections can be frozen: nothing passes any more and nobody is told. */
export async function startLink(
  port: number,
): Promise<AsyncDisposable & { port: number; freeze(name: string): void }> {
  const pairs: { inner: Socket; outer: Socket; name: string }[] = []
  const server = createServer((inner) => {
    const outer = connect(port, '127.0.0.1')
    const pair = { inner, outer, name: '' }
    pairs.push(pair)
    inner.on('data', (data) => {
      pair.name ||= /switchboard-([\w-]+)/.exec(data.toString('latin1'))?.[1] ?? ''
    })
    for (const socket of [inner, outer]) socket.on('error', () => {})
    inner.pipe(outer)
    outer.pipe(inner)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    freeze: (name) => {
      const frozen = pairs.filter((pair) => pair.name.startsWith(name))
      expect(frozen.length).toBeGreaterThan(0)
      for (const { inner, outer } of frozen) {
        inner.unpipe(outer)
        outer.unpipe(inner)
        inner.pause()
        outer.pause()
      }
    },
    [Symbol.asyncDispose]: async () => {
      for (const { inner, outer } of pairs) {
        inner.destroy()
        outer.destroy()
      }
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
