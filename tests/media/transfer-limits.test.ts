import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { fetchAttachment } from '../../src/domain/media/fetch-attachment.ts'
import { bytes, endless, startFileServer } from './file-server.ts'
import { type MediaHub, type Received, startMediaHub } from './media-hub.ts'

const fetchIt = (media: MediaHub, { attachmentId }: Received) =>
  fetchAttachment(media.hub.deps, { tenantId: media.hub.tenant.id, attachmentId })

/** After any trouble: nothing in the store, the message as it was but for its file, and the last event says the same. */
async function expectNoFile(
  media: MediaHub,
  received: Received,
  state: 'pending' | 'failed' | 'expired',
): Promise<void> {
  expect(await media.objects()).toEqual([])
  const message = await media.message(received.messageId)
  expect(message).toMatchObject({ text: 'a caption', status: 'received', media: { state } })
  const told = (await media.events()).filter((event) => event.type === 'message.media_failed')
  expect(told.map((event) => event.data)).toEqual(state === 'pending' ? [] : [{ message }])
}

describe('[MED3] [J1] limits of a transfer', () => {
  const limit = 6 * 1024 * 1024

  test('a file of exactly the largest size is stored, one byte more fails for good', async () => {
    await using server = await startFileServer(endless(limit))
    await using media = await startMediaHub(server, { MEDIA_BYTES: String(limit) })
    const exact = await media.receive({ id: 'f1' })
    expect(await fetchIt(media, exact)).toBe('stored')
    expect((await media.row(exact.attachmentId)).size_bytes).toBe(limit)
    const objects = await media.objects()

    server.serve = endless(limit + 1)
    const over = await media.receive({ id: 'f2' })
    expect(await fetchIt(media, over)).toBe('failed')
    expect(await media.objects()).toEqual(objects)
    expect((await media.message(over.messageId)).media).toMatchObject({
      state: 'failed',
      reason: 'the file is larger than 6 MB',
      sizeBytes: null,
    })
  })

  test('a file that says it is too large is not downloaded', async () => {
    let sent = 0
    await using server = await startFileServer((response) => {
      response.writeHead(200, { 'content-length': 101 * 1024 * 1024 })
      const timer = setInterval(() => response.write(Buffer.alloc(65_536), () => (sent += 65_536)), 1)
      response.on('close', () => clearInterval(timer))
    })
    await using media = await startMediaHub(server)
    const received = await media.receive({ id: 'f1' })
    expect(await fetchIt(media, received)).toBe('failed')
    expect(sent).toBeLessThan(8 * 1024 * 1024)
    await expectNoFile(media, received, 'failed')
  })

  test('101 MB that do not say their size are cut off at 100', async () => {
    await using server = await startFileServer(endless(101 * 1024 * 1024))
    await using media = await startMediaHub(server)
    const received = await media.receive({ id: 'f1' })
    expect(await fetchIt(media, received)).toBe('failed')
    expect((await media.row(received.attachmentId)).reason).toBe('the file is larger than 100 MB')
    await expectNoFile(media, received, 'failed')
  })

  test('an empty file fails for good', async () => {
    await using server = await startFileServer(bytes(Buffer.alloc(0)))
    await using media = await startMediaHub(server)
    const received = await media.receive({ id: 'f1' })
    expect(await fetchIt(media, received)).toBe('failed')
    expect((await media.row(received.attachmentId)).reason).toBe('the file is empty')
    await expectNoFile(media, received, 'failed')
  })

  const troubles: [string, (response: ServerResponse) => void, RegExp][] = [
    [
      'a Content-Length larger than the body',
      (response) => {
        response.writeHead(200, { 'content-length': 5000 })
        response.write(Buffer.alloc(100), () => response.socket?.end())
      },
      /broke off/,
    ],
    [
      'a body without length that is cut',
      (response) => {
        response.writeHead(200)
        response.write(Buffer.alloc(70_000), () => response.socket?.resetAndDestroy())
      },
      /broke off/,
    ],
    [
      'one byte after another, for longer than a download may take',
      (response) => {
        response.writeHead(200)
        const timer = setInterval(() => response.write('x'), 20)
        response.on('close', () => clearInterval(timer))
      },
      /took too long/,
    ],
    [
      'silence in the middle',
      (response) => {
        response.writeHead(200)
        response.write(Buffer.alloc(70_000))
      },
      /in time/,
    ],
    ['no answer at all', () => {}, /in time/],
  ]
  test.each(troubles)(
    '%s is tried again, and fails with the reason when the tries are used up',
    async (_, serve, reason) => {
      await using server = await startFileServer(serve)
      await using media = await startMediaHub(server, {
        MEDIA_CONNECT_MS: '150',
        MEDIA_IDLE_MS: '200',
        MEDIA_TOTAL_MS: '600',
        MEDIA_ATTEMPTS: '2',
      })
      const received = await media.receive({ id: 'f1' })
      expect(await fetchIt(media, received)).toBe('later')
      const row = await media.row(received.attachmentId)
      expect(row).toMatchObject({ state: 'pending', attempts: 1, claim_token: null })
      expect(row.reason).toMatch(reason)
      await expectNoFile(media, received, 'pending')
      expect(await fetchIt(media, received)).toBe('taken')

      await media.dueNow(received.attachmentId)
      expect(await fetchIt(media, received)).toBe('failed')
      expect((await media.row(received.attachmentId)).reason).toMatch(/^could not be fetched in 2 tries: /)
      await expectNoFile(media, received, 'failed')
    },
  )

  test('a Content-Length smaller than the body cuts the file: it is fetched once more when the message announced another', async () => {
    const whole = Buffer.alloc(5000, 'whole')
    const sha256 = createHash('sha256').update(whole).digest('hex')
    const cut = (response: ServerResponse): void => {
      response.writeHead(200, { 'content-length': 1000 }).end(whole)
    }
    await using server = await startFileServer(cut)
    await using media = await startMediaHub(server)
    const received = await media.receive({ id: 'f1' }, { sha256 })
    expect(await fetchIt(media, received)).toBe('later')
    expect((await media.row(received.attachmentId)).reason).toMatch(/other bytes/)
    await expectNoFile(media, received, 'pending')
    server.serve = bytes(whole)
    await media.dueNow(received.attachmentId)
    expect(await fetchIt(media, received)).toBe('stored')
    expect(await media.row(received.attachmentId)).toMatchObject({ size_bytes: 5000, sha256 })
  })

  test('a message that lies about its file costs a second look, and not the file', async () => {
    const whole = Buffer.alloc(5000, 'whole')
    await using server = await startFileServer(bytes(whole))
    await using media = await startMediaHub(server)
    const received = await media.receive({ id: 'f1' }, { sha256: 'f'.repeat(64) })
    expect(await fetchIt(media, received)).toBe('later')
    await media.dueNow(received.attachmentId)
    expect(await fetchIt(media, received)).toBe('stored')
    expect((await media.row(received.attachmentId)).sha256).toBe(
      createHash('sha256').update(whole).digest('hex'),
    )
  })

  test('a try that failed waits longer each time', async () => {
    await using server = await startFileServer((response) => response.writeHead(503).end())
    await using media = await startMediaHub(server)
    const received = await media.receive({ id: 'f1' })
    const pauses: number[] = []
    for (let attempt = 1; attempt < 6; attempt += 1) {
      await media.dueNow(received.attachmentId)
      expect(await fetchIt(media, received)).toBe('later')
      pauses.push(Date.parse((await media.row(received.attachmentId)).next_attempt_at ?? '') - Date.now())
    }
    // 10 s, but the network wants at least 30; then 80 s, 11 min, 85 min, 11 h, each a fifth more or less.
    const between = (least: number, most: number) =>
      expect.toSatisfy((ms: number) => ms > (least - 2) * 1000 && ms < most * 1000, `${least}–${most} s`)
    expect(pauses).toEqual([
      between(30, 31),
      between(64, 96),
      between(512, 768),
      between(4096, 6144),
      between(32_768, 49_152),
    ])
    await media.dueNow(received.attachmentId)
    expect(await fetchIt(media, received)).toBe('failed')
  })
})

describe('[MED4] [J3] what the network no longer has', () => {
  test('is expired for good, and its message says so', async () => {
    await using server = await startFileServer((response) => response.writeHead(410).end())
    await using media = await startMediaHub(server)
    const received = await media.receive({ id: 'f1' })
    expect(await fetchIt(media, received)).toBe('expired')
    await expectNoFile(media, received, 'expired')
    await media.dueNow(received.attachmentId)
    expect(await fetchIt(media, received)).toBe('taken')
  })
})
