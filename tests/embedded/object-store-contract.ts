import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { Client } from 'minio'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const MIB = 1024 * 1024

/** A store under test. */
export interface StoreUnderTest {
  readonly endpoint: string
  readonly accessKey: string
  readonly secretKey: string
  stop(): Promise<void>
}

/**
 * What we expect of an object store, seen through the client library that we use. The same for the embedded store and for a
 * real one, so that the two cannot drift apart.
 */
export function expectObjectStore(open: () => Promise<StoreUnderTest>): void {
  let store: StoreUnderTest
  let endpoint: URL
  let s3: Client
  const bucket = `contract-${randomBytes(4).toString('hex')}`

  beforeAll(async () => {
    store = await open()
    endpoint = new URL(store.endpoint)
    s3 = clientWith(store)
    await s3.makeBucket(bucket)
  })

  afterAll(async () => {
    // The bucket goes with the store; one that ever had versions can have unseen ones.
    await emptyBucket(bucket)
    await store.stop()
  })

  function clientWith({ accessKey, secretKey }: { accessKey: string; secretKey: string }): Client {
    const { hostname, port, protocol } = endpoint
    const where = {
      endPoint: hostname,
      port: Number(port),
      useSSL: protocol === 'https:',
      region: 'us-east-1',
    }
    return new Client({ ...where, accessKey, secretKey, pathStyle: true, partSize: 5 * MIB })
  }

  async function keysIn(name: string, prefix: string, recursive = true): Promise<string[]> {
    const found: string[] = []
    for await (const item of s3.listObjectsV2(name, prefix, recursive)) {
      found.push((item as { name?: string; prefix?: string }).name ?? (item as { prefix: string }).prefix)
    }
    return found
  }

  async function emptyBucket(name: string): Promise<void> {
    const all = await keysIn(name, '')
    if (all.length > 0) await s3.removeObjects(name, all)
  }

  async function read(key: string): Promise<Buffer> {
    return buffer(await s3.getObject(bucket, key))
  }

  /** Uploads a form as a browser would, with the policy's fields first and the file last. */
  async function postForm(
    policy: { postURL: string; formData: Record<string, string> },
    file: Buffer,
    extra: Record<string, string> = {},
  ): Promise<Response> {
    const form = new FormData()
    for (const [name, value] of Object.entries({ ...policy.formData, ...extra })) form.append(name, value)
    form.append('file', new Blob([new Uint8Array(file)]), 'photo.png')
    return fetch(policy.postURL, { method: 'POST', body: form })
  }

  function imagePolicy(key: string) {
    const policy = s3.newPostPolicy()
    policy.setBucket(bucket)
    policy.setKey(key)
    policy.setExpires(new Date(Date.now() + 60_000))
    policy.setContentType('image/png')
    policy.setContentLengthRange(10, 100_000)
    return policy
  }

  describe('buckets', () => {
    test('a bucket is there once it is made, and a second one of the name is refused', async () => {
      expect(await s3.bucketExists(bucket)).toBe(true)
      expect(await s3.bucketExists('never-made-by-anyone')).toBe(false)
      expect((await s3.listBuckets()).map(({ name }) => name)).toContain(bucket)
    })

    test('a bucket that holds objects cannot be removed', async () => {
      await s3.putObject(bucket, 'holds', 'x')
      await expect(s3.removeBucket(bucket)).rejects.toMatchObject({ code: 'BucketNotEmpty' })
    })

    test('versioning can be asked for and suspended', async () => {
      await s3.setBucketVersioning(bucket, { Status: 'Suspended' })
      expect(await s3.getBucketVersioning(bucket)).not.toMatchObject({ Status: 'Enabled' })
    })

    test('a lifecycle is given back as it was set', async () => {
      const rule = { ID: 'old', Status: 'Enabled', Filter: { Prefix: 'tmp/' }, Expiration: { Days: 7 } }
      await s3.setBucketLifecycle(bucket, { Rule: [rule] } as never)
      const { Rule } = (await s3.getBucketLifecycle(bucket)) as unknown as { Rule: unknown }
      expect([Rule].flat()).toMatchObject([{ ID: 'old', Status: 'Enabled' }])
      await s3.removeBucketLifecycle(bucket)
      await expect(s3.getBucketLifecycle(bucket)).rejects.toMatchObject({
        code: 'NoSuchLifecycleConfiguration',
      })
    })
  })

  describe('objects', () => {
    test('bytes, type and metadata come back as they were put', async () => {
      const body = randomBytes(100_000)
      const { etag } = await s3.putObject(bucket, 'a/photo.bin', body, body.length, {
        'Content-Type': 'image/png',
        'X-Amz-Meta-Sha256': 'abc',
      })
      expect(etag).toBe(createHash('md5').update(body).digest('hex'))
      expect(await read('a/photo.bin')).toEqual(body)
      const stat = await s3.statObject(bucket, 'a/photo.bin')
      expect(stat).toMatchObject({ size: body.length, etag })
      expect(stat.metaData).toMatchObject({ 'content-type': 'image/png', sha256: 'abc' })
    })

    test('an empty object is an object', async () => {
      await s3.putObject(bucket, 'empty', Buffer.alloc(0))
      expect((await s3.statObject(bucket, 'empty')).size).toBe(0)
      expect(await read('empty')).toHaveLength(0)
    })

    test('what is not there is not found, and deleting it succeeds', async () => {
      await expect(s3.statObject(bucket, 'nothing')).rejects.toMatchObject({ code: 'NotFound' })
      await expect(s3.getObject(bucket, 'nothing')).rejects.toMatchObject({ code: 'NoSuchKey' })
      await expect(s3.getObject('never-made-by-anyone', 'x')).rejects.toMatchObject({ code: 'NoSuchBucket' })
      await s3.removeObject(bucket, 'nothing')
    })

    test('a stream of unknown length is stored whole', async () => {
      const chunks = Array.from({ length: 30 }, () => randomBytes(200_000))
      await s3.putObject(bucket, 'stream', Readable.from(chunks))
      expect(await read('stream')).toEqual(Buffer.concat(chunks))
    })

    test('12 MiB go up in parts and come down in one piece', async () => {
      const body = randomBytes(12 * MIB)
      const chunks = Array.from({ length: 192 }, (_, n) => body.subarray(n * 65_536, (n + 1) * 65_536))
      await s3.putObject(bucket, 'large', Readable.from(chunks), body.length)
      const stat = await s3.statObject(bucket, 'large')
      expect(stat.size).toBe(body.length)
      expect(stat.etag).toMatch(/^[0-9a-f]{32}-3$/)
      expect((await read('large')).equals(body)).toBe(true)
      // A range across the seam of two parts.
      const seam = await buffer(await s3.getPartialObject(bucket, 'large', 5 * MIB - 10, 20))
      expect(seam).toEqual(body.subarray(5 * MIB - 10, 5 * MIB + 10))
    })

    test('ranges: a middle, an open end, and one beyond the end', async () => {
      await s3.putObject(bucket, 'range', '0123456789')
      expect((await buffer(await s3.getPartialObject(bucket, 'range', 2, 3))).toString()).toBe('234')
      expect((await buffer(await s3.getPartialObject(bucket, 'range', 7))).toString()).toBe('789')
      const url = await s3.presignedGetObject(bucket, 'range')
      const last = await fetch(url, { headers: { range: 'bytes=-4' } })
      expect([last.status, last.headers.get('content-range'), await last.text()]).toEqual([
        206,
        'bytes 6-9/10',
        '6789',
      ])
      expect((await fetch(url, { headers: { range: 'bytes=10-' } })).status).toBe(416)
    })

    test('a client that has the object already is told so', async () => {
      await s3.putObject(bucket, 'cached', 'same')
      const url = await s3.presignedGetObject(bucket, 'cached')
      const etag = (await fetch(url)).headers.get('etag') ?? ''
      expect((await fetch(url, { headers: { 'if-none-match': etag } })).status).toBe(304)
      expect((await fetch(url, { headers: { 'if-match': '"other"' } })).status).toBe(412)
    })

    test.each(['a b', 'a+b', 'ünïcödé/日本語', 'a&b=c?d', "it's (fine)!*~", '100%', '😀.png'])(
      'the key %j survives put, list and get',
      async (key) => {
        await s3.putObject(bucket, `odd/${key}`, key)
        expect((await read(`odd/${key}`)).toString()).toBe(key)
        expect(await keysIn(bucket, 'odd/')).toContain(`odd/${key}`)
      },
    )

    test('a copy has the bytes and the type of its source', async () => {
      await s3.putObject(bucket, 'source', 'copy me', 7, { 'Content-Type': 'text/x-special' })
      await s3.copyObject(bucket, 'the copy', `/${bucket}/source`)
      expect((await read('the copy')).toString()).toBe('copy me')
      expect((await s3.statObject(bucket, 'the copy')).metaData['content-type']).toBe('text/x-special')
    })

    test('tags are set, read and removed', async () => {
      await s3.putObject(bucket, 'tagged', 'x')
      await s3.setObjectTagging(bucket, 'tagged', { kind: 'voice', 'to do': 'a&b' })
      const tags = (await s3.getObjectTagging(bucket, 'tagged')).flat()
      expect(tags.map(({ Key, Value }) => `${Key}=${Value}`).sort()).toEqual(['kind=voice', 'to do=a&b'])
      await s3.removeObjectTagging(bucket, 'tagged', { versionId: '' })
      expect((await s3.getObjectTagging(bucket, 'tagged')).flat()).toEqual([])
    })

    test('of two writers at once one wins whole; nobody reads a mixture', async () => {
      const bodies = Array.from({ length: 8 }, (_, n) => Buffer.alloc(300_000, n))
      await Promise.all(bodies.map((body) => s3.putObject(bucket, 'contended', body)))
      const result = await read('contended')
      expect(bodies.some((body) => body.equals(result))).toBe(true)
    })
  })

  describe('listing', () => {
    test('a delimiter rolls keys up into prefixes', async () => {
      for (const key of ['l/1', 'l/2', 'l/d/3', 'l/d/4', 'l/e/5']) await s3.putObject(bucket, key, key)
      expect((await keysIn(bucket, 'l/', false)).sort()).toEqual(['l/1', 'l/2', 'l/d/', 'l/e/'])
      expect(await keysIn(bucket, 'l/d/')).toEqual(['l/d/3', 'l/d/4'])
    })

    test('more than a thousand objects are put at once, listed in order over pages, and removed at once', async () => {
      const many = Array.from({ length: 1040 }, (_, n) => `many/${String(n).padStart(5, '0')}`)
      for (let at = 0; at < many.length; at += 40) {
        await Promise.all(many.slice(at, at + 40).map((key) => s3.putObject(bucket, key, key)))
      }
      expect(await keysIn(bucket, 'many/')).toEqual(many)
      await s3.removeObjects(bucket, many)
      expect(await keysIn(bucket, 'many/')).toEqual([])
    })

    test('pages break anywhere without losing or repeating a key or a prefix', async () => {
      for (const key of ['p/a', 'p/b/1', 'p/b/2', 'p/c', 'p/d/', 'p/d/1', 'p/e'])
        await s3.putObject(bucket, key, key)
      for (let size = 1; size <= 6; size++) {
        const seen: string[] = []
        let token = ''
        do {
          const page = (await s3.listObjectsV2Query(bucket, 'p/', token, '/', size, '')) as unknown as {
            objects: { name?: string; prefix?: string }[]
            isTruncated: boolean
            nextContinuationToken: string
          }
          seen.push(...page.objects.map(({ name, prefix }) => name ?? prefix ?? ''))
          token = page.isTruncated ? page.nextContinuationToken : ''
        } while (token !== '')
        expect(seen.sort()).toEqual(['p/a', 'p/b/', 'p/c', 'p/d/', 'p/e'])
      }
    })
  })

  describe('uploads in parts', () => {
    test('an unfinished upload is listed, is no object yet, and can be aborted', async () => {
      const id = await s3.initiateNewMultipartUpload(bucket, 'parts/x', {})
      const find = () => s3.findUploadId(bucket, 'parts/x')
      expect(await find()).toBe(id)
      await expect(s3.statObject(bucket, 'parts/x')).rejects.toMatchObject({ code: 'NotFound' })
      await s3.abortMultipartUpload(bucket, 'parts/x', id)
      expect(await find()).toBeUndefined()
    })

    test('parts that are missing or too small are refused at the end', async () => {
      const id = await s3.initiateNewMultipartUpload(bucket, 'parts/y', {})
      await expect(
        s3.completeMultipartUpload(bucket, 'parts/y', id, [{ part: 1, etag: 'a'.repeat(32) }]),
      ).rejects.toMatchObject({
        code: 'InvalidPart',
      })
      const etags: { part: number; etag: string }[] = []
      for (const part of [1, 2]) {
        const query = { uploadId: id, partNumber: String(part) }
        const url = await s3.presignedUrl('PUT', bucket, 'parts/y', 60, query)
        const response = await fetch(url, { method: 'PUT', body: 'too small' })
        etags.push({ part, etag: (response.headers.get('etag') ?? '').replaceAll('"', '') })
      }
      await expect(s3.completeMultipartUpload(bucket, 'parts/y', id, etags)).rejects.toMatchObject({
        code: 'EntityTooSmall',
      })
      await s3.abortMultipartUpload(bucket, 'parts/y', id)
    })
  })

  describe('presigned addresses', () => {
    test('a GET works without keys, and may change the headers of the answer', async () => {
      await s3.putObject(bucket, 'signed', 'hello')
      const url = await s3.presignedGetObject(bucket, 'signed', 60, {
        'response-content-disposition': 'attachment; filename="a b.txt"',
        'response-content-type': 'text/x-other',
      })
      const response = await fetch(url)
      expect([response.status, await response.text()]).toEqual([200, 'hello'])
      expect(response.headers.get('content-disposition')).toBe('attachment; filename="a b.txt"')
      expect(response.headers.get('content-type')).toBe('text/x-other')
    })

    test('a range of it works too', async () => {
      const response = await fetch(await s3.presignedGetObject(bucket, 'signed'), {
        headers: { range: 'bytes=1-2' },
      })
      expect([response.status, await response.text()]).toEqual([206, 'el'])
    })

    test('it ends at its second', async () => {
      const earlier = new Date(Date.now() - 10_000)
      const url = (seconds: number) => s3.presignedGetObject(bucket, 'signed', seconds, {}, earlier)
      expect((await fetch(await url(9))).status).toBe(403)
      expect((await fetch(await url(60))).status).toBe(200)
    })

    test('whatever is changed in it, it is refused', async () => {
      const url = await s3.presignedGetObject(bucket, 'signed', 60)
      await s3.putObject(bucket, 'other', 'secret')
      const attacks = [
        url.replace('/signed?', '/other?'),
        url.replace('X-Amz-Expires=60', 'X-Amz-Expires=61'),
        `${url}&response-content-type=text%2Fhtml`,
        url.replace(/X-Amz-Signature=.{4}/, 'X-Amz-Signature=0000'),
      ]
      for (const attack of attacks) expect((await fetch(attack)).status).toBe(403)
      expect((await fetch(url, { method: 'DELETE' })).status).toBe(403)
      expect((await fetch(url)).status).toBe(200)
    })

    test('a PUT stores what a browser sends', async () => {
      const url = await s3.presignedPutObject(bucket, 'uploaded', 60)
      const response = await fetch(url, {
        method: 'PUT',
        body: 'from a browser',
        headers: { 'content-type': 'text/plain' },
      })
      expect(response.status).toBe(200)
      expect((await read('uploaded')).toString()).toBe('from a browser')
      expect((await s3.statObject(bucket, 'uploaded')).metaData['content-type']).toBe('text/plain')
    })
  })

  describe('forms with a signed policy', () => {
    const image = randomBytes(70_000)

    test('a form that keeps to its policy is stored, byte for byte', async () => {
      const policy = await s3.presignedPostPolicy(imagePolicy('posted'))
      expect((await postForm(policy, image)).status).toBe(204)
      expect(await read('posted')).toEqual(image)
      expect((await s3.statObject(bucket, 'posted')).metaData['content-type']).toBe('image/png')
    })

    test('bytes that look like the end of the form do not end it', async () => {
      const tricky = Buffer.from(
        '\r\n--\r\n----WebKitFormBoundary\r\n------formdata-undici-0\r\n\r\n'.repeat(50),
      )
      expect((await postForm(await s3.presignedPostPolicy(imagePolicy('tricky')), tricky)).status).toBe(204)
      expect(await read('tricky')).toEqual(tricky)
    })

    test('the sizes of the policy hold on both sides', async () => {
      const send = async (size: number) =>
        (await postForm(await s3.presignedPostPolicy(imagePolicy(`sized-${size}`)), Buffer.alloc(size)))
          .status
      expect(await send(9)).toBe(400)
      expect(await send(10)).toBe(204)
      expect(await send(100_000)).toBe(204)
      expect(await send(100_001)).toBe(400)
      await expect(s3.statObject(bucket, 'sized-100001')).rejects.toMatchObject({ code: 'NotFound' })
    })

    test('another type, another key, a further field, a wrong signature: all refused', async () => {
      const send = async (changes: Record<string, string>) =>
        (await postForm(await s3.presignedPostPolicy(imagePolicy('guarded')), image, changes)).status
      expect(await send({ 'Content-Type': 'text/html' })).toBe(403)
      expect(await send({ key: 'elsewhere' })).toBe(403)
      expect(await send({ 'x-amz-meta-extra': 'x' })).toBe(403)
      expect(await send({ 'x-amz-signature': '0'.repeat(64) })).toBe(403)
    })

    test('an expired policy is refused', async () => {
      const policy = imagePolicy('late')
      policy.setExpires(new Date(Date.now() - 1000))
      expect((await postForm(await s3.presignedPostPolicy(policy), image)).status).toBe(403)
    })
  })

  describe('who may', () => {
    test('strangers get nothing, until a policy lets them read', async () => {
      await s3.putObject(bucket, 'public/page', 'for all')
      const at = (key: string) => new URL(`/${bucket}/${key}`, endpoint)
      expect((await fetch(at('public/page'))).status).toBe(403)
      const statement = { Effect: 'Allow', Principal: { AWS: ['*'] }, Action: ['s3:GetObject'] }
      const policy = {
        Version: '2012-10-17',
        Statement: [{ ...statement, Resource: [`arn:aws:s3:::${bucket}/public/*`] }],
      }
      await s3.setBucketPolicy(bucket, JSON.stringify(policy))
      expect(JSON.parse(await s3.getBucketPolicy(bucket))).toMatchObject({ Version: '2012-10-17' })
      expect(await (await fetch(at('public/page'))).text()).toBe('for all')
      expect((await fetch(at('signed'))).status).toBe(403)
      expect((await fetch(at('public/page'), { method: 'DELETE' })).status).toBe(403)
      expect(await fetch(at('')).then((response) => response.status)).toBe(403)
      const elsewhere = { ...statement, Resource: [`arn:aws:s3:::${bucket}/elsewhere/*`] }
      await s3.setBucketPolicy(bucket, JSON.stringify({ ...policy, Statement: [elsewhere] }))
      expect((await fetch(at('public/page'))).status).toBe(403)
    })

    test('a wrong secret and an unknown key are told apart', async () => {
      const wrong = clientWith({ ...store, secretKey: 'not the secret' })
      await expect(wrong.putObject(bucket, 'x', 'x')).rejects.toMatchObject({ code: 'SignatureDoesNotMatch' })
      const unknown = clientWith({ accessKey: 'nobody-at-all', secretKey: 'whatever' })
      await expect(unknown.putObject(bucket, 'x', 'x')).rejects.toMatchObject({ code: 'InvalidAccessKeyId' })
    })
  })
}
