import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { whatsappCloud } from '../../src/providers/whatsapp-cloud/adapter.ts'
import { startStandIn } from '../harness/provider-stand-in.ts'
import { sampleMedia, sampleMessage, standInIo } from './provider-suite.ts'
import { channel, file, out, pairOf, to } from './whatsapp-cloud-exchanges.ts'

describe('files', () => {
  test('cloud-media-upload: one multipart request with the name, the type and the bytes', async () => {
    await using server = await startStandIn()
    server.play(pairOf('cloud-media-upload'))
    server.always({ path: '/106540352242922/messages', answer: { json: { messages: [{ id: 'wamid.1' }] } } })
    const media = sampleMedia(Buffer.from('JPEG bytes'), 'image/jpeg', 'promo "A"\r\n.jpg')
    await whatsappCloud.send(channel, { ...sampleMessage('image', to), media }, standInIo(server))

    const [upload, send] = server.requests
    const form = await upload?.form()
    const part = form?.get('file') as File
    expect(upload?.path).toBe('/106540352242922/media')
    expect(Number(upload?.headers['content-length'])).toBe(upload?.body.byteLength)
    expect(form?.get('messaging_product')).toBe('whatsapp')
    expect(part.name).toBe('promo "A"\r\n.jpg')
    expect(part.type).toBe('image/jpeg')
    expect(await part.text()).toBe('JPEG bytes')
    expect(send?.json).toMatchObject({ image: { id: '1037543291543636', caption: 'A shrub' } })
  })

  test('a file is streamed: its first bytes arrive before its last are read', async () => {
    const size = 2 * 65_536
    const { promise: arrived, resolve: firstBytesArrived } = Promise.withResolvers<void>()
    const meta = createServer((request, response) => {
      let received = 0
      request.on('data', (chunk: Buffer) => {
        received += chunk.byteLength
        // More than the head of the multipart body: bytes of the file itself.
        if (received > size / 4) firstBytesArrived()
      })
      request.on('end', () => {
        const answer = request.url?.endsWith('/media') ? { id: 'm1' } : { messages: [{ id: 'wamid.1' }] }
        response.end(JSON.stringify(answer))
      })
    })
    meta.listen(0, '127.0.0.1')
    await once(meta, 'listening')
    await using server = await startStandIn()
    const chunks = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.alloc(size / 2)
      // An adapter that collects the file first would wait here until its call times out.
      await arrived
      yield Buffer.alloc(size / 2)
    }
    const media = { ...sampleMedia(Buffer.alloc(0), 'video/mp4', 'long.mp4'), sizeBytes: size }
    const graphApiUrl = `http://127.0.0.1:${(meta.address() as AddressInfo).port}`
    const outcome = await whatsappCloud.send(
      channel,
      { ...sampleMessage('video', to), media: { ...media, open: async () => Readable.from(chunks()) } },
      standInIo(server, { graphApiUrl }),
    )
    meta.closeAllConnections()
    meta.close()
    expect(outcome.kind).toBe('accepted')
  })

  test.each([[{ fault: 'reset' as const }], [{ status: 502, text: '<h1>Bad Gateway</h1>' }], [{ json: {} }]])(
    'an upload that fails (%j) is later, and no message was sent',
    async (answer) => {
      await using server = await startStandIn()
      server.always({ answer })
      const outcome = await whatsappCloud.send(channel, sampleMessage('image', to), standInIo(server))
      expect(outcome).toMatchObject({ kind: 'later', scope: 'message' })
      expect(server.requests).toHaveLength(1)
    },
  )

  test('a file that breaks off in our own storage is later, and no message was sent', async () => {
    await using server = await startStandIn()
    server.always({ answer: { json: { id: 'm1' } } })
    const media = sampleMedia(Buffer.from('half'), 'image/jpeg', 'a.jpg')
    const broken = {
      ...media,
      sizeBytes: 1_000,
      open: async () =>
        Readable.from(
          (async function* () {
            yield Buffer.from('half')
            throw new Error('storage went away')
          })(),
        ),
    }
    const missing = { ...media, open: () => Promise.reject(new Error('no such object')) }
    for (const file of [broken, missing]) {
      const outcome = await whatsappCloud.send(
        channel,
        { ...sampleMessage('image', to), media: file },
        standInIo(server),
      )
      expect(outcome).toMatchObject({ kind: 'later', scope: 'message' })
    }
    expect(server.requests.filter(({ path }) => path.endsWith('/messages'))).toEqual([])
  })

  test('a file beside a template or an interactive message becomes its header', async () => {
    await using server = await startStandIn()
    server.always({ path: '/106540352242922/media', answer: { json: { id: 'm1' } } })
    server.always({ path: '/106540352242922/messages', answer: { json: { messages: [{ id: 'wamid.1' }] } } })
    const components = [
      { type: 'header', parameters: [{ type: 'image', image: { link: 'https://x/old.png' } }] },
      { type: 'body', parameters: [{ type: 'text', text: 'Ana' }] },
    ]
    const invoice = out('template', null, {
      payload: { template: { name: 'invoice', language: 'pt-BR', components } },
      ...file('application/pdf', 'fatura.pdf'),
    })
    await whatsappCloud.send(channel, invoice, standInIo(server))
    await whatsappCloud.send(
      channel,
      { ...sampleMessage('interactive', to), ...file('image/png', 'a.png') },
      standInIo(server),
    )
    const sent = server.requests.filter(({ path }) => path.endsWith('/messages')).map(({ json }) => json)
    expect(sent[0]).toMatchObject({
      template: {
        name: 'invoice',
        language: { code: 'pt_BR' },
        components: [
          {
            type: 'header',
            parameters: [{ type: 'document', document: { id: 'm1', filename: 'fatura.pdf' } }],
          },
          { type: 'body', parameters: [{ type: 'text', text: 'Ana' }] },
        ],
      },
    })
    expect(sent[1]).toMatchObject({
      interactive: { type: 'button', header: { type: 'image', image: { id: 'm1' } } },
    })
  })
})
