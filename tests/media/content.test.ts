import { deflateSync, crc32 } from 'node:zlib'
import { buffer } from 'node:stream/consumers'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { fetchAttachment } from '../../src/domain/media/fetch-attachment.ts'
import { judgeType } from '../../src/domain/media/judge-type.ts'
import { linkMedia } from '../../src/domain/media/link-media.ts'
import { openAttachment } from '../../src/domain/media/open-attachment.ts'
import { bytes, startFileServer } from './file-server.ts'
import { startMediaHub } from './media-hub.ts'

const script = '<script>alert(document.domain)</script>'
const svg = Buffer.from(
  `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">${script}</svg>`,
)
const bareSvg = Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg">${script}</svg>`)
const html = Buffer.from(`<!doctype html><html><body>${script}</body></html>`)
const pdf = Buffer.from(
  '%PDF-1.4\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n%%EOF',
)
const picture = (format: 'jpeg' | 'png' | 'gif' | 'webp') =>
  sharp({ create: { width: 64, height: 64, channels: 3, background: 'teal' } })
    .toFormat(format)
    .toBuffer()

/** A PNG that says it is this large and holds (deflated) zeros for as many pixels, a few kB on the wire. */
function flood(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    sum.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, sum])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([1, 0, 0, 0, 0], 8)
  const rows = Buffer.alloc((Math.ceil(width / 8) + 1) * height)
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

async function fetched(body: Uint8Array, declared: string, fileName: string, more = {}) {
  const server = await startFileServer(bytes(body, declared))
  const media = await startMediaHub(server, more)
  const { hub } = media
  const { attachmentId, messageId } = await media.receive({ id: 'f1' }, { mimeType: declared, fileName })
  const result = await fetchAttachment(hub.deps, { tenantId: hub.tenant.id, attachmentId })
  const { actor } = await hub.signIn('admin')
  return {
    result,
    attachmentId,
    row: () => media.row(attachmentId),
    message: () => media.message(messageId),
    get: async (thumbnail = false) => {
      const link = await linkMedia(hub.deps, actor, attachmentId, thumbnail)
      return { link, response: await fetch(link.url) }
    },
    stored: async () => buffer(await (await openAttachment(hub.deps, hub.tenant.id, attachmentId)).open()),
    [Symbol.asyncDispose]: async () => {
      await media[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

describe('[MED6] [J2] a file is what its bytes are, never what somebody said', () => {
  const hostile: [string, Buffer, string, string][] = [
    ['an SVG with a script', svg, 'image/svg+xml', 'logo.svg'],
    ['an SVG that says it is a PNG', bareSvg, 'image/png', 'logo.png'],
    ['a page that says it is a JPEG', html, 'image/jpeg', 'photo.jpg'],
    ['a page that says what it is', html, 'text/html', 'page.html'],
    ['XML', Buffer.from('<?xml version="1.0"?><x/>'), 'application/xml', 'x.xml'],
    ['a script', Buffer.from('alert(1)'), 'application/javascript', 'x.js'],
  ]
  test.each(hostile)(
    '%s is kept, as bytes of no type, and only ever saved',
    async (_, body, declared, fileName) => {
      await using file = await fetched(body, declared, fileName)
      expect(file.result).toBe('stored')
      expect(await file.stored()).toEqual(body)
      expect(await file.row()).toMatchObject({ mime_type: 'application/octet-stream', thumbnail_key: null })
      const { link, response } = await file.get()
      expect(link).toMatchObject({ mimeType: 'application/octet-stream', disposition: 'attachment' })
      expect(response.headers.get('content-type')).toBe('application/octet-stream')
      expect(response.headers.get('content-disposition')).toMatch(/^attachment; /)
    },
  )

  test('a picture and script in one is shown as the picture that it is', async () => {
    const polyglot = Buffer.concat([await picture('gif'), Buffer.from(`/*${script}*/=1;alert(1)`)])
    await using file = await fetched(polyglot, 'text/html', 'page.html')
    const { response } = await file.get()
    expect(response.headers.get('content-type')).toBe('image/gif')
    expect(await file.stored()).toEqual(polyglot)
  })

  test('a PDF is saved, not shown', async () => {
    await using file = await fetched(pdf, 'application/pdf', 'invoice.pdf')
    const { response } = await file.get()
    expect(response.headers.get('content-type')).toBe('application/pdf')
    expect(response.headers.get('content-disposition')).toMatch(/^attachment; filename="invoice.pdf"/)
  })

  test('a picture is shown, whatever it was declared as', async () => {
    for (const format of ['jpeg', 'png', 'gif', 'webp'] as const) {
      await using file = await fetched(await picture(format), 'application/x-something', 'x')
      const { response } = await file.get()
      expect(response.headers.get('content-type')).toBe(`image/${format}`)
      expect(response.headers.get('content-disposition')).toMatch(/^inline; /)
    }
  })

  const names: [string, string, string][] = [
    [
      'turned around by U+202E',
      'photo\u202egpj.exe',
      `filename="photogpj.exe"; filename*=UTF-8''photogpj.exe`,
    ],
    [
      'with quotes and a header',
      'a"\r\nset-cookie: x=1;.pdf',
      `filename="a_set-cookie: x=1;.pdf"; filename*=UTF-8''a%22set-cookie%3A%20x%3D1%3B.pdf`,
    ],
    ['with a path', '../../etc/passwd', `filename="_.._etc_passwd"; filename*=UTF-8''_.._etc_passwd`],
    [
      'in another script',
      'счёт №1.pdf',
      `filename="____ _1.pdf"; filename*=UTF-8''%D1%81%D1%87%D1%91%D1%82%20%E2%84%961.pdf`,
    ],
    ['that is nothing but marks', '\u202e\u200b', 'filename="file-'],
    ['that is too long', `${'x'.repeat(300)}.pdf`, `filename="${'x'.repeat(146)}.pdf"`],
  ]
  test.each(names)('a name %s is made harmless', async (_, name, disposition) => {
    await using file = await fetched(pdf, 'application/pdf', name)
    const { response } = await file.get()
    expect(response.headers.get('content-disposition')).toContain(disposition)
    expect(JSON.stringify(await file.message())).not.toContain('\u202e')
  })

  test('types that fit each other are kept, others are not believed', async () => {
    const zip = Buffer.from('504b0506000000000000000000000000000000000000', 'hex')
    const docx = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'
    expect(await judgeType(await picture('jpeg'), 'image/jpg')).toEqual({
      mimeType: 'image/jpeg',
      fits: true,
    })
    expect(await judgeType(await picture('jpeg'), 'video/mp4')).toEqual({
      mimeType: 'image/jpeg',
      fits: false,
    })
    expect(await judgeType(await picture('png'), 'application/octet-stream')).toEqual({
      mimeType: 'image/png',
      fits: true,
    })
    expect(await judgeType(zip, docx)).toEqual({ mimeType: docx, fits: true })
    expect(await judgeType(zip, 'application/pdf')).toEqual({ mimeType: 'application/zip', fits: false })
    expect(await judgeType(Buffer.from('a;b\n1;2\n'), 'text/csv')).toEqual({
      mimeType: 'text/csv',
      fits: true,
    })
    expect(await judgeType(Buffer.from([0, 1, 2, 255]), 'text/csv')).toEqual({
      mimeType: 'application/octet-stream',
      fits: false,
    })
    expect(await judgeType(Buffer.from('plain words'), 'audio/ogg')).toEqual({
      mimeType: 'application/octet-stream',
      fits: false,
    })
  })
})

describe('[MED7] a thumbnail', () => {
  test('is made of a picture with exactly the most pixels, and of none with more', async () => {
    await using fits = await fetched(flood(1000, 1000), 'image/png', 'large.png', { MEDIA_PIXELS: '1000000' })
    expect(fits.result).toBe('stored')
    expect((await fits.message()).media?.hasThumbnail).toBe(true)
    const { response } = await fits.get(true)
    expect(response.headers.get('content-type')).toBe('image/webp')
    await using floods = await fetched(flood(1001, 1000), 'image/png', 'flood.png', {
      MEDIA_PIXELS: '1000000',
    })
    expect(floods.result).toBe('stored')
    expect((await floods.message()).media).not.toHaveProperty('hasThumbnail')
    await expect(floods.get(true)).rejects.toMatchObject({ code: 'not_found' })
  })

  test('of a flood of pixels costs neither time nor memory', async () => {
    const before = process.memoryUsage().rss
    const bomb = flood(60_000, 60_000)
    const built = process.memoryUsage().rss
    await using file = await fetched(bomb, 'image/png', 'bomb.png')
    expect(file.result).toBe('stored')
    expect((await file.row()).thumbnail_key).toBeNull()
    expect((process.memoryUsage().rss - Math.max(before, built)) / 1024 / 1024).toBeLessThan(200)
  })

  test('of a broken picture is missing, and the file is here all the same', async () => {
    const jpeg = await sharp({
      create: {
        width: 2000,
        height: 2000,
        channels: 3,
        background: 'red',
        noise: { type: 'gaussian', mean: 100, sigma: 30 },
      },
    })
      .jpeg()
      .toBuffer()
    await using file = await fetched(jpeg.subarray(0, 20_000), 'image/jpeg', 'half.jpg')
    expect(file.result).toBe('stored')
    expect((await file.row()).thumbnail_key).toBeNull()
  })

  test('tells nothing about where and with what the picture was taken', async () => {
    const tagged = await sharp(await picture('jpeg'))
      .withExif({ IFD0: { Make: 'SecretCamera' } })
      .jpeg()
      .toBuffer()
    await using file = await fetched(tagged, 'image/jpeg', 'photo.jpg')
    const { response } = await file.get(true)
    expect((await sharp(Buffer.from(await response.arrayBuffer())).metadata()).exif).toBeUndefined()
  })
})
