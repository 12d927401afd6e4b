import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { MediaFetch, ProviderChannel, ProviderIo } from '../../src/providers/port.ts'
import { whatsappCloud } from '../../src/providers/whatsapp-cloud/adapter.ts'
import { type StandIn, type StandInPair, startStandIn } from '../harness/provider-stand-in.ts'
import { standInIo } from './provider-suite.ts'

const channel: ProviderChannel = {
  id: '0197b6e0-0000-7000-8000-00000000c002',
  provider: 'whatsapp-cloud',
  settings: { phoneNumberId: '106540352242922', wabaId: '102290129340398' },
  secrets: { accessToken: 'EAAG-secret-token' },
}
const bearer = 'Bearer EAAG-secret-token'
const pairOf = (name: string): StandInPair =>
  JSON.parse(
    readFileSync(new URL(`../fixtures/whatsapp/send/${name}.json`, import.meta.url), 'utf8'),
  ) as StandInPair
const fetchMedia = (io: ProviderIo): Promise<MediaFetch> =>
  whatsappCloud.fetchMedia(channel, { ref: { id: '1037543291543636' }, mimeType: 'image/jpeg' }, io)

/** The look-up answers with this address. */
const lookUp = (server: StandIn, url: string): void =>
  server.always({ path: '/1037543291543636', answer: { json: { url, id: '1037543291543636' } } })

async function bytesOf(fetched: MediaFetch): Promise<Buffer> {
  if (fetched.kind !== 'stream') throw new Error(`expected a stream, got ${JSON.stringify(fetched)}`)
  return Buffer.concat(await fetched.body.toArray())
}

describe('the way of a file', () => {
  test('cloud-media-get-url and cloud-media-download: look up, then download with the same token', async () => {
    await using server = await startStandIn()
    const lookup = pairOf('cloud-media-get-url')
    const download = pairOf('cloud-media-download')
    const address = new URL(download.request.url)
    lookUp(server, `${server.url}${address.pathname}${address.search}`)
    server.play(download)

    const fetched = await fetchMedia(standInIo(server))

    expect(await bytesOf(fetched)).toEqual(Buffer.from(download.response.bodyBase64 ?? '', 'base64'))
    expect(fetched).toMatchObject({ mimeType: 'image/jpeg', fileName: 'File.jpg', sizeBytes: 20 })
    expect(server.requests.map(({ method, path, headers }) => [method, path, headers.authorization])).toEqual(
      [
        ['GET', lookup.request.url.replace('https://graph.facebook.com/v25.0', ''), bearer],
        ['GET', address.pathname + address.search, bearer],
      ],
    )
    expect(server.requests[1]?.headers['user-agent']).toMatch(/\w/)
  })

  test.each([401, 403, 404])('an address that is stale (%s) is looked up once more', async (status) => {
    await using server = await startStandIn()
    lookUp(server, `${server.url}/file`)
    server.once({ path: '/file', answer: { status } })
    server.always({ path: '/file', answer: { bytes: Buffer.from('fresh') } })
    expect((await bytesOf(await fetchMedia(standInIo(server)))).toString()).toBe('fresh')
    expect(server.requests).toHaveLength(4)
  })

  test('an address that is stale twice is later, not an endless loop', async () => {
    await using server = await startStandIn()
    lookUp(server, `${server.url}/file`)
    expect(await fetchMedia(standInIo(server))).toMatchObject({ kind: 'later' })
    expect(server.requests).toHaveLength(4)
  })

  test.each([
    [{ status: 410 }, 'gone'],
    [{ status: 400 }, 'failed'],
    [{ status: 429, headers: { 'retry-after': '90' } }, 'later'],
    [{ status: 503 }, 'later'],
    [{ fault: 'reset' as const }, 'later'],
    [{ fault: 'stall' as const }, 'later'],
  ])('a file server that answers %j means %s', async (answer, kind) => {
    await using server = await startStandIn()
    lookUp(server, `${server.url}/file`)
    server.always({ path: '/file', answer })
    const fetched = await fetchMedia(standInIo(server, { timeoutMs: 150 }))
    expect(fetched.kind).toBe(kind)
    if ('status' in answer && answer.status === 429) expect(fetched).toMatchObject({ afterMs: 90_000 })
  })

  test('an expired token is later: the id stays good for seven days', async () => {
    await using server = await startStandIn()
    server.always({ answer: { status: 401, json: { error: { code: 190, message: 'expired' } } } })
    expect(await fetchMedia(standInIo(server))).toMatchObject({ kind: 'later', afterMs: 300_000 })
  })

  test('a look-up that is refused for good, or without an address, is not tried for ever', async () => {
    await using server = await startStandIn()
    server.once({ answer: { status: 400, json: { error: { code: 131_009, message: 'no' } } } })
    expect(await fetchMedia(standInIo(server))).toMatchObject({ kind: 'failed' })
    const media = { ref: {}, mimeType: 'image/jpeg' }
    expect(await whatsappCloud.fetchMedia(channel, media, standInIo(server))).toMatchObject({
      kind: 'failed',
    })
  })
})

describe('streaming', () => {
  test('the first half can be read while the server still holds the second; the pause is limited', async () => {
    await using server = await startStandIn()
    lookUp(server, `${server.url}/file`)
    server.always({ path: '/file', answer: { bytes: Buffer.alloc(100_000, 7), fault: 'stall-mid-body' } })
    const fetched = await fetchMedia(standInIo(server, { timeoutMs: 200 }))
    if (fetched.kind !== 'stream') throw new Error('expected a stream')
    expect(fetched.sizeBytes).toBe(100_000)
    let received = 0
    const read = (async () => {
      for await (const chunk of fetched.body) received += (chunk as Uint8Array).byteLength
    })()
    await expect(read).rejects.toThrow('the file stopped coming')
    expect(received).toBe(50_000)
  })

  test('a download that breaks off fails the stream instead of ending it', async () => {
    await using server = await startStandIn()
    lookUp(server, `${server.url}/file`)
    server.always({ path: '/file', answer: { bytes: Buffer.alloc(100_000, 7), fault: 'reset-mid-body' } })
    const fetched = await fetchMedia(standInIo(server))
    if (fetched.kind !== 'stream') throw new Error('expected a stream')
    await expect(fetched.body.toArray()).rejects.toThrow('terminated')
  })

  test('a reader that has enough can leave: the download is given up', async () => {
    await using server = await startStandIn()
    lookUp(server, `${server.url}/file`)
    server.always({ path: '/file', answer: { bytes: Buffer.alloc(100_000, 7), fault: 'stall-mid-body' } })
    const fetched = await fetchMedia(standInIo(server))
    if (fetched.kind !== 'stream') throw new Error('expected a stream')
    for await (const chunk of fetched.body) {
      expect((chunk as Uint8Array).byteLength).toBeGreaterThan(0)
      break
    }
    expect(fetched.body.destroyed).toBe(true)
  })
})

describe('[S18] where files may come from', () => {
  /** An io whose fetch reaches the Graph stand-in only and notes every other address instead of calling it. */
  const watched = (server: StandIn, mediaHosts: string[]): { io: ProviderIo; others: string[] } => {
    const others: string[] = []
    const io = standInIo(server, {
      mediaHosts,
      fetch: (input, init) => {
        const url = input instanceof Request ? input.url : input.toString()
        if (url.startsWith(server.url)) return fetch(input, init)
        others.push(url)
        return Promise.resolve(new Response('bytes'))
      },
    })
    return { io, others }
  }

  test.each([
    'http://127.0.0.1/x',
    'http://127.0.0.1:9000/x',
    'http://localhost/x',
    'http://2130706433/x',
    'http://0x7f.1/x',
    'http://0177.0.0.1/x',
    'http://0.0.0.0/x',
    'http://[::1]/x',
    'http://[::ffff:127.0.0.1]/x',
    'http://[::ffff:7f00:1]/x',
    'http://[64:ff9b::7f00:1]/x',
    'http://[fc00::1]/x',
    'http://[fe80::1]/x',
    'http://10.0.0.1/x',
    'http://172.16.0.1/x',
    'http://192.168.1.1/x',
    'http://100.64.0.1/x',
    'http://169.254.169.254/latest/meta-data',
    'https://169.254.169.254/x',
    'https://example.com/x',
    'https://lookaside.fbsbx.com.example.com/x',
    'https://example.com/lookaside.fbsbx.com',
    'https://lookaside.fbsbx.com@example.com/x',
    'https://user:password@lookaside.fbsbx.com/x',
    'https://lookaside.fbsbx.com./x',
    'https://lookaside.fbsbx.com:8443/x',
    'http://lookaside.fbsbx.com/x',
    'https:\\\\example.com\\x',
    '//example.com/x',
    'file:///etc/passwd',
    'ftp://lookaside.fbsbx.com/x',
    'data:text/plain,x',
    'not a url',
  ])('%s is never contacted', async (address) => {
    await using server = await startStandIn()
    lookUp(server, address)
    const { io, others } = watched(server, ['lookaside.fbsbx.com'])
    expect(await fetchMedia(io)).toMatchObject({ kind: 'failed' })
    expect(others).toEqual([])
  })

  test.each([
    ['https://lookaside.fbsbx.com/x', ['lookaside.fbsbx.com']],
    ['https://LOOKASIDE.fbsbx.com/x', ['Lookaside.FBSBX.com']],
    ['https://lookaside.fbsbx.com:443/x', ['lookaside.fbsbx.com:443']],
    ['http://[::ffff:127.0.0.1]:9000/x', ['[::ffff:7f00:1]:9000']],
    ['http://2130706433:9000/x', ['127.0.0.1:9000']],
  ])('%s is contacted when %j is listed', async (address, hosts) => {
    await using server = await startStandIn()
    lookUp(server, address)
    const { io, others } = watched(server, hosts)
    expect((await fetchMedia(io)).kind).toBe('stream')
    expect(others).toHaveLength(1)
  })

  test('a redirect to another listed host is followed without the token', async () => {
    await using server = await startStandIn()
    await using cdn = await startStandIn()
    lookUp(server, `${server.url}/file`)
    server.always({ path: '/file', answer: { status: 302, headers: { location: `${cdn.url}/bytes` } } })
    cdn.always({ path: '/bytes', answer: { bytes: Buffer.from('from the cdn') } })
    const fetched = await fetchMedia(standInIo(server, { mediaHosts: [server.host, cdn.host] }))
    expect((await bytesOf(fetched)).toString()).toBe('from the cdn')
    expect(cdn.requests[0]?.headers.authorization).toBeUndefined()
  })

  test('a redirect on the same host keeps the token', async () => {
    await using server = await startStandIn()
    lookUp(server, `${server.url}/file`)
    server.always({ path: '/file', answer: { status: 302, headers: { location: '/moved' } } })
    server.always({ path: '/moved', answer: { bytes: Buffer.from('moved') } })
    expect((await bytesOf(await fetchMedia(standInIo(server)))).toString()).toBe('moved')
    expect(server.requests.at(-1)?.headers.authorization).toBe(bearer)
  })

  test('a redirect to a host that is not listed is refused before anything is sent there', async () => {
    await using server = await startStandIn()
    await using trap = await startStandIn()
    lookUp(server, `${server.url}/file`)
    server.always({ path: '/file', answer: { status: 302, headers: { location: `${trap.url}/secret` } } })
    expect(await fetchMedia(standInIo(server))).toEqual({
      kind: 'failed',
      reason: 'the file is on a host that is not allowed',
    })
    expect(trap.requests).toEqual([])
  })

  test('three redirects are followed, a fourth is not', async () => {
    for (const [hops, kind] of [
      [3, 'stream'],
      [4, 'failed'],
    ] as const) {
      await using server = await startStandIn()
      lookUp(server, `${server.url}/hop/0`)
      server.always({
        path: /^\/hop\//,
        answer: ({ path }) => {
          const hop = Number(path.split('/').at(-1))
          return hop < hops ? { status: 302, headers: { location: `/hop/${hop + 1}` } } : { text: 'there' }
        },
      })
      expect((await fetchMedia(standInIo(server))).kind).toBe(kind)
    }
  })
})
