import { once } from 'node:events'
import { Agent, type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { signatureOf } from '../../src/providers/signature.ts'
import { eventually } from '../harness/eventually.ts'
import { type CloudNumber, type IntakeHub, startIntake, textTo } from './intake-hub.ts'

let intake: IntakeHub
afterEach(() => intake[Symbol.asyncDispose]())

const received = { status: 200, body: { received: true } }
const refused = (status: number, code: string) => ({ status, body: { code } })

/** JSON for a number, of exactly so many bytes. */
function sized(number: CloudNumber, bytes: number): string {
  const body = textTo(number)
  return body + ' '.repeat(bytes - body.length)
}

/** A request whose body the test writes piece by piece. */
function open(
  number: CloudNumber,
  body: string,
  headers: Record<string, string | number>,
  agent?: Agent,
): ClientRequest {
  const request = httpRequest(`${intake.rest.origin}/api/webhooks/whatsapp`, {
    method: 'POST',
    ...(agent && { agent }),
    headers: { 'x-hub-signature-256': signatureOf(Buffer.from(body), number.appSecret), ...headers },
  })
  request.on('error', () => {})
  return request
}

async function statusOf(request: ClientRequest): Promise<number> {
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.resume()
  await once(response, 'end')
  return response.statusCode ?? 0
}

describe('size', () => {
  test('[HOOK7] [D4] a body has at most WEBHOOK_BODY_BYTES, whether it says so or not', async () => {
    intake = await startIntake({ WEBHOOK_BODY_BYTES: '2000' })
    const number = await intake.addNumber()
    expect(await intake.post(number, sized(number, 2000))).toMatchObject(received)
    expect(await intake.post(number, sized(number, 2001))).toMatchObject(refused(413, 'payload_too_large'))
    for (const [bytes, status] of [
      [2000, 200],
      [2001, 413],
    ] as const) {
      const body = sized(number, bytes)
      const request = open(number, body, { 'transfer-encoding': 'chunked' })
      request.write(body.slice(0, 1500))
      request.end(body.slice(1500))
      expect(await statusOf(request)).toBe(status)
    }
    expect(await intake.inbox()).toHaveLength(2)
    expect(await intake.counted('whatsapp-cloud', 'payload_too_large')).toBe(2)
  })

  test('[HOOK7] [D4] who is refused while still sending gets the answer, also one who closes then or never comes to an end', async () => {
    intake = await startIntake()
    const number = await intake.addNumber()
    const large = Buffer.alloc(16 * 1024 * 1024, ' ')
    const head = `POST /api/webhooks/whatsapp HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${large.length}\r\n\r\n`
    const socket = connect(Number(new URL(intake.rest.origin).port), '127.0.0.1')
    socket.write(head)
    // It says all before it listens, and has no signature.
    await promisify(socket.write.bind(socket) as (bytes: Buffer, done: () => void) => void)(large)
    expect((await text(socket)).split('\r\n')[0]).toBe('HTTP/1.1 401 Unauthorized')
    const endless = open(number, '', { 'content-length': large.length, connection: 'close' })
    endless.write('{')
    expect(await statusOf(endless)).toBe(413)
    endless.destroy()
  })

  test('[HOOK7] the default is 4 MiB', async () => {
    intake = await startIntake()
    const number = await intake.addNumber()
    const most = 4 * 1024 * 1024
    expect(await intake.post(number, sized(number, most))).toMatchObject(received)
    expect(await intake.post(number, sized(number, most + 1))).toMatchObject(
      refused(413, 'payload_too_large'),
    )
    expect(await intake.post(number, sized(number, 5_000_000))).toMatchObject(
      refused(413, 'payload_too_large'),
    )
    expect((await intake.inbox()).map((row) => row.body.length)).toEqual([most])
  })

  test.each([
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ] as const)(
    '[HOOK2] [HOOK7] a body in %s is signed, measured and kept as what it unpacks to',
    async (encoding, pack) => {
      intake = await startIntake({ WEBHOOK_BODY_BYTES: '2000' })
      const number = await intake.addNumber()
      const posted = (body: string, signed: Uint8Array = Buffer.from(body)) =>
        intake.post(number, new Uint8Array(pack(body)), {
          'content-encoding': encoding,
          'x-hub-signature-256': signatureOf(signed, number.appSecret),
        })
      const body = sized(number, 2000)
      expect(await posted(body)).toMatchObject(received)
      expect(await posted(sized(number, 2001))).toMatchObject(refused(413, 'payload_too_large'))
      const other = textTo(number)
      expect(await posted(other, pack(other))).toMatchObject(refused(401, 'signature_invalid'))
      expect((await intake.inbox()).map((row) => row.body.toString())).toEqual([body])
    },
  )

  test('[HOOK7] a body that is small only when unpacked is measured as it was sent', async () => {
    intake = await startIntake({ WEBHOOK_BODY_BYTES: '2000' })
    const number = await intake.addNumber()
    const body = textTo(number)
    const nothing = gzipSync('')
    const padded = (times: number) => Buffer.concat([...Array<Buffer>(times).fill(nothing), gzipSync(body)])
    const post = (times: number) =>
      intake.post(number, new Uint8Array(padded(times)), {
        'content-encoding': 'gzip',
        'x-hub-signature-256': signatureOf(Buffer.from(body), number.appSecret),
      })
    const most = Math.floor((2000 - gzipSync(body).length) / nothing.length)
    expect(await post(most)).toMatchObject(received)
    expect(await post(most + 1)).toMatchObject(refused(413, 'payload_too_large'))
  })

  test('[HOOK7] what does not unpack is 400, an encoding that nobody knows 415', async () => {
    intake = await startIntake()
    const number = await intake.addNumber()
    const body = textTo(number)
    const packed = gzipSync(body)
    const broken = Buffer.from(packed)
    broken[20] = (broken[20] ?? 0) ^ 0xff
    const signature = { 'x-hub-signature-256': signatureOf(Buffer.from(body), number.appSecret) }
    const post = (bytes: Uint8Array, encoding: string) =>
      intake.post(number, new Uint8Array(bytes), { ...signature, 'content-encoding': encoding })
    for (const bytes of [packed.subarray(0, -9), broken, Buffer.from(body), Buffer.alloc(0)])
      expect(await post(bytes, 'gzip')).toMatchObject(refused(400, 'malformed_json'))
    expect(await post(packed, 'compress')).toMatchObject(refused(415, 'unsupported_media_type'))
    expect(await post(packed, 'gzip, gzip')).toMatchObject(refused(415, 'unsupported_media_type'))
    expect(await post(packed, 'constructor')).toMatchObject(refused(415, 'unsupported_media_type'))
    expect(await intake.inbox()).toEqual([])
  })

  test('[HOOK7] what is refused before its body is read is answered before it comes, and its line goes on', async () => {
    intake = await startIntake()
    const number = await intake.addNumber()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const most = 4 * 1024 * 1024
    const tooLarge = sized(number, most + 1)
    const unsigned = { 'x-hub-signature-256': 'sha256=no', 'content-length': 5_000_000 }
    for (const [headers, status] of [
      [{ 'content-length': tooLarge.length }, 413],
      [unsigned, 401],
      [{ 'transfer-encoding': 'chunked' }, 413],
    ] as const) {
      const request = open(number, tooLarge, headers, agent)
      if ('transfer-encoding' in headers) request.write(tooLarge.repeat(3))
      else request.flushHeaders()
      const answered = await statusOf(request)
      expect(answered).toBe(status)
      // The rest may still come; the next request of the same connection is answered all the same.
      const length = Number((headers as { 'content-length'?: number })['content-length'] ?? 0)
      request.end(length > 0 ? Buffer.alloc(length, ' ') : undefined)
      const next = open(number, textTo(number), { 'x-hub-signature-256': 'sha256=no' }, agent)
      next.end('{}')
      expect(await statusOf(next)).toBe(401)
    }
    agent.destroy()
  })

  test('[HOOK7] a body that breaks off stores nothing, and the next one is taken', async () => {
    intake = await startIntake()
    const number = await intake.addNumber()
    const body = textTo(number)
    const request = open(number, body, { 'content-length': body.length })
    request.write(body.slice(0, 100))
    await eventually(async () => expect(request.socket?.bytesWritten ?? 0).toBeGreaterThan(100))
    request.destroy()
    await eventually(async () => expect(await intake.counted('whatsapp-cloud', 'malformed_json')).toBe(1))
    expect(await intake.inbox()).toEqual([])
    expect(await intake.post(number, body)).toMatchObject(received)
  })

  test('[HOOK7] a process holds at most WEBHOOK_WAITING_BYTES of webhooks; more come later', async () => {
    // Each request counts 16 KiB beside its body.
    intake = await startIntake({ WEBHOOK_WAITING_BYTES: String(2 * 16 * 1024 + 4600) })
    const number = await intake.addNumber()
    const held = sized(number, 5000)
    const small = textTo(number)
    const request = open(number, held, { 'content-length': held.length })
    request.write(held.slice(0, 4500))
    const full = await eventually(async () => {
      const answer = await intake.post(number, small)
      expect(answer.status).toBe(503)
      return answer
    })
    expect(full).toMatchObject(refused(503, 'unavailable'))
    expect(full.headers.get('retry-after')).toBe('1')
    request.end(held.slice(4500))
    expect(await statusOf(request)).toBe(200)
    expect(await intake.post(number, small)).toMatchObject(received)
    expect(await intake.counted('whatsapp-cloud', 'unavailable')).toBeGreaterThan(0)
  })
})

describe('shape', () => {
  test('[HOOK7] [D3] what is signed and no JSON is 400, and only counted', async () => {
    intake = await startIntake()
    const number = await intake.addNumber()
    const whole = textTo(number)
    for (const body of [
      '',
      ' ',
      'null x',
      whole.slice(0, -1),
      `${whole}}`,
      '\ufeff{}',
      'a=b&c=d',
      '{"a":1e}',
      `{'a':1}`,
    ])
      expect(await intake.post(number, body), body).toMatchObject(refused(400, 'malformed_json'))
    expect(await intake.inbox()).toEqual([])
    expect(await intake.counted('whatsapp-cloud', 'malformed_json')).toBe(9)
  })

  test('[HOOK2] what is no JSON and not signed is 401 like everything that is not signed', async () => {
    intake = await startIntake()
    const number = await intake.addNumber()
    for (const body of ['', '[[[', 'x', textTo(number), textTo(number).slice(0, -1)])
      expect(await intake.post({ appSecret: 'of nobody' }, body)).toMatchObject(
        refused(401, 'signature_invalid'),
      )
  })

  test('[HOOK1] [D3] odd but whole JSON is stored as it came: broken UTF-8, NUL, half surrogates, __proto__, 1e400, doubles', async () => {
    intake = await startIntake()
    const number = await intake.addNumber()
    const with_ = (text: string) => textTo(number, '@').replace('"@"', text)
    const bodies = [
      with_('"\\u0000"'),
      with_('"\\ud800 alone"'),
      with_('"x","__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}'),
      with_('1e400'),
      with_('"first","body":"second"'),
      with_(`"${'long '.repeat(100_000)}"`),
    ].map((text) => Buffer.from(text))
    const broken = Buffer.from(with_('"\u00e4\u00e4"'))
    bodies.push(Buffer.from(broken.map((byte) => (byte === 0xc3 ? 0xff : byte))))
    for (const body of bodies) {
      const answer = await intake.post(number, new Uint8Array(body), {
        'x-hub-signature-256': signatureOf(body, number.appSecret),
      })
      expect(answer).toMatchObject(received)
    }
    expect((await intake.inbox()).map((row) => row.body.toString('hex'))).toEqual(
      bodies.map((body) => body.toString('hex')),
    )
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  test('[HOOK7] S25 JSON is at most WEBHOOK_JSON_DEPTH deep; brackets in texts do not count', async () => {
    intake = await startIntake({ WEBHOOK_JSON_DEPTH: '50' })
    const number = await intake.addNumber()
    const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
    expect(await intake.post(number, deep(50))).toMatchObject(received)
    expect(await intake.post(number, deep(51))).toMatchObject(refused(400, 'validation_failed'))
    expect(await intake.post(number, textTo(number, `"\\${deep(60)}{{{"`))).toMatchObject(received)
  })

  test('[HOOK7] S25 bombs cost little: unsigned ones are never parsed, signed ones never built', async () => {
    intake = await startIntake()
    const number = await intake.addNumber()
    const most = 4 * 1024 * 1024
    const bombs = [
      '['.repeat(most),
      '['.repeat(most / 2) + ']'.repeat(most / 2),
      `${'{"a":'.repeat(most / 6)}1${'}'.repeat(most / 6)}`,
      `{"phone_number_id":${JSON.stringify(Array.from({ length: 300_000 }, (_, at) => `"phone_number_id":"${at}"`)).slice(0, most - 100)}`,
    ]
    const once = async (appSecret: string, body: string) => {
      const signature = signatureOf(Buffer.from(body), appSecret)
      const before = process.cpuUsage()
      const answer = await intake.post(number, body, { 'x-hub-signature-256': signature })
      const { user, system } = process.cpuUsage(before)
      return { status: answer.status, milliseconds: (user + system) / 1000 }
    }
    /** The cheapest of up to three tries: what else this process does, its collector above all, only ever adds. */
    const cost = async (appSecret: string, body: string, allowed = 0) => {
      let least = await once(appSecret, body)
      for (let more = 0; more < 2 && least.milliseconds >= allowed; more++) {
        const { milliseconds } = await once(appSecret, body)
        least = { ...least, milliseconds: Math.min(least.milliseconds, milliseconds) }
      }
      return least
    }
    // The client's own work is in the figure: a body of spaces costs what reading, sending and hashing cost.
    const plain = await cost('of nobody', ' '.repeat(most))
    expect(plain.status).toBe(401)
    for (const bomb of bombs) {
      const ofUnsigned = plain.milliseconds + 100
      const unsigned = await cost('of nobody', bomb, ofUnsigned)
      expect(unsigned.status).toBe(401)
      expect(unsigned.milliseconds).toBeLessThan(ofUnsigned)
      const ofSigned = plain.milliseconds + 150
      const signed = await cost(number.appSecret, bomb, ofSigned)
      expect(signed.status).toBe(400)
      expect(signed.milliseconds).toBeLessThan(ofSigned)
    }
    expect(await intake.inbox()).toEqual([])
  })

  test('[HOOK7] for what names no number of ours at most WEBHOOK_STRANGER_BYTES are hashed', async () => {
    intake = await startIntake({ WEBHOOK_STRANGER_BYTES: '1000' })
    await intake.addNumber()
    const second = await intake.addNumber()
    const body = (bytes: number) => '{}' + ' '.repeat(bytes - 2)
    expect(await intake.post(second, body(500))).toMatchObject(received)
    expect(await intake.post(second, body(501))).toMatchObject(refused(401, 'signature_invalid'))
    expect(await intake.post(second, sized(second, 5000))).toMatchObject(received)
  })
})
