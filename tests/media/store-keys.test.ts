import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { expect, inject, test } from 'vitest'
import { openStorage } from '../../src/platform/storage.ts'

const denied = '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'

/**
 * The object store behind a guard that lets keys read and write objects and nothing else: no look at the bucket, no bucket
 * made, and whether an object is missing is not said. All else passes through, signatures included.
 */
async function startGuard(endpoint: string) {
  const { hostname, port } = new URL(endpoint)
  const guard = createServer((incoming, response) => {
    const { method = '', url = '', headers } = incoming
    const refuse = (): void => {
      response
        .writeHead(403, { 'content-type': 'application/xml' })
        .end(method === 'HEAD' ? undefined : denied)
    }
    const aboutBucket = !/^\/[^/?]+\/[^?]/.test(url)
    if (aboutBucket) return refuse()
    const asked = request({ hostname, port, method, path: url, headers })
    incoming.pipe(asked)
    asked.on('response', (answer) => {
      if (answer.statusCode === 404) return refuse()
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(response)
    })
  }).listen(0, '127.0.0.1')
  await once(guard, 'listening')
  return {
    url: `http://127.0.0.1:${(guard.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      guard.close()
      guard.closeAllConnections()
      await once(guard, 'close')
    },
  }
}

const settings = (endpoint: string, more: { S3_ACCESS_KEY?: string; S3_SECRET_KEY?: string } = {}) => {
  const { accessKey, secretKey } = inject('s3')
  return {
    S3_ENDPOINT: endpoint,
    S3_REGION: 'us-east-1',
    S3_ACCESS_KEY: accessKey,
    S3_SECRET_KEY: secretKey,
    S3_BUCKET: 'store-keys',
    S3_PUBLIC_URL: undefined,
    S3_TIMEOUT_MS: 5000,
    UPLOAD_KEEP_DAYS: 1,
    ...more,
  }
}

async function* one(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text)
}

test('[START12] keys that may read and write objects, but neither look at the bucket nor make one, are good enough', async () => {
  const { endpoint } = inject('s3')
  const owner = openStorage(settings(endpoint))
  await owner.ready()
  await using guard = await startGuard(endpoint)
  const storage = openStorage(settings(guard.url))
  await storage.ready()
  expect(await storage.put('a', one('kept'), 'text/plain')).toBe(4)
  expect((await buffer(await storage.get('a'))).toString()).toBe('kept')
  storage.close()
  owner.close()
})

test.each([
  ['InvalidAccessKeyId', { S3_ACCESS_KEY: 'nobody' }],
  ['SignatureDoesNotMatch', { S3_SECRET_KEY: 'a guess' }],
])(
  '[START12] keys that the store does not know are not ready, and the cause says %s',
  async (code, wrong) => {
    const storage = openStorage(settings(inject('s3').endpoint, wrong))
    await expect(storage.ready()).rejects.toMatchObject({ code: 'unavailable', cause: { code } })
    storage.close()
  },
)
