import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type StoredRef, refOf } from '../../src/domain/media/attachment-row.ts'
import { fetchAttachment } from '../../src/domain/media/fetch-attachment.ts'
import { providers } from '../../src/providers/registry.ts'
import { type StandIn, startStandIn } from '../harness/provider-stand-in.ts'
import { startFileServer } from './file-server.ts'
import { type MediaHub, startMediaHub } from './media-hub.ts'
import { photo } from './pictures.ts'

const fetchIt = (media: MediaHub, attachmentId: string) =>
  fetchAttachment(media.hub.deps, { tenantId: media.hub.tenant.id, attachmentId })

const token = 'EAAG-the-access-token-of-the-number'

async function cloudChannel(media: MediaHub): Promise<string> {
  const { id } = await media.hub.addChannel({
    provider: 'whatsapp-cloud',
    settings: { phoneNumberId: '1067', wabaId: '1', displayPhoneNumber: '1555' },
    secrets: { accessToken: token, appSecret: 'x', verifyToken: 'y' },
    externalId: '1067',
  })
  return id
}

/** Answers a lookup with this address, as Graph does. */
function lookup(server: StandIn, url: string): void {
  server.always({
    method: 'GET',
    path: '/media-1',
    answer: { json: { messaging_product: 'whatsapp', url, id: 'media-1' } },
  })
}

describe("[MED4] [J3] files of Meta's Cloud API", () => {
  test('are looked up and downloaded with the token of their number', async () => {
    await using server = await startStandIn()
    await using media = await startMediaHub(server)
    lookup(server, `${server.url}/download/1`)
    server.always({
      path: '/download/1',
      answer: { bytes: await photo(), headers: { 'content-type': 'image/jpeg' } },
    })
    const { attachmentId } = await media.receive({ id: 'media-1' }, { channelId: await cloudChannel(media) })
    expect(await fetchIt(media, attachmentId)).toBe('stored')
    expect(server.requests.map((request) => request.headers['authorization'])).toEqual(
      Array(2).fill(`Bearer ${token}`),
    )
  })

  test('whose address ran out are looked up again at once', async () => {
    await using server = await startStandIn()
    await using media = await startMediaHub(server)
    const address = (path: string) => ({ json: { url: `${server.url}${path}`, id: 'media-1' } })
    server.once({ path: '/media-1', answer: address('/old') })
    server.once({ path: '/media-1', answer: address('/new') })
    server.always({ path: '/old', answer: { status: 404 } })
    server.always({ path: '/new', answer: { bytes: await photo() } })
    const { attachmentId } = await media.receive({ id: 'media-1' }, { channelId: await cloudChannel(media) })
    expect(await fetchIt(media, attachmentId)).toBe('stored')
    expect(server.requests.map((request) => request.path.split('?')[0])).toEqual([
      '/media-1',
      '/old',
      '/media-1',
      '/new',
    ])
  })

  test('whose id ran out after a week are expired, and the message says so', async () => {
    await using server = await startStandIn()
    await using media = await startMediaHub(server)
    const error = {
      message: 'Unsupported get request.',
      type: 'GraphMethodException',
      code: 100,
      error_subcode: 33,
    }
    server.always({ path: '/media-1', answer: { status: 400, json: { error } } })
    const { attachmentId, messageId } = await media.receive(
      { id: 'media-1' },
      { channelId: await cloudChannel(media) },
    )
    expect(await fetchIt(media, attachmentId)).toBe('expired')
    expect((await media.message(messageId)).media).toMatchObject({
      state: 'expired',
      reason: 'the network no longer has the file',
    })
  })

  test('wait for a human when the token is no good', async () => {
    await using server = await startStandIn()
    await using media = await startMediaHub(server)
    server.always({
      path: '/media-1',
      answer: { status: 401, json: { error: { code: 190, message: 'expired' } } },
    })
    const { attachmentId } = await media.receive({ id: 'media-1' }, { channelId: await cloudChannel(media) })
    expect(await fetchIt(media, attachmentId)).toBe('later')
    const row = await media.row(attachmentId)
    expect(Date.parse(row.next_attempt_at ?? '') - Date.now()).toBeGreaterThan(290_000)
    expect(JSON.stringify(row)).not.toContain(token)
  })
})

describe('[MED8] an address that points elsewhere', () => {
  const inside = (host: string): [string, string][] => {
    const port = host.split(':')[1] ?? ''
    return [
      ['another port of this machine', `http://${host}/secret`],
      ['a name of this machine', `http://localhost:${port}/secret`],
      ['decimal', `http://2130706433:${port}/secret`],
      ['octal', `http://0177.0.0.1:${port}/secret`],
      ['IPv6', `http://[::1]:${port}/secret`],
      ['IPv4 in IPv6', `http://[::ffff:127.0.0.1]:${port}/secret`],
      ['with the allowed host as user', `http://lookaside.fbsbx.com@${host}/secret`],
      ['a cloud metadata service', 'http://169.254.169.254/latest/meta-data/'],
      ['a file', 'file:///etc/passwd'],
    ]
  }

  test('is not contacted, in whatever form it is written, directly or by a redirect', async () => {
    await using server = await startStandIn()
    await using secret = await startFileServer((response) => response.end('the inside'))
    await using media = await startMediaHub(server)
    const channelId = await cloudChannel(media)
    for (const [form, url] of inside(secret.host)) {
      lookup(server, url)
      const direct = await media.receive({ id: 'media-1' }, { channelId })
      expect(await fetchIt(media, direct.attachmentId), form).toBe('failed')
      expect((await media.row(direct.attachmentId)).reason).toBe('the file is on a host that is not allowed')

      lookup(server, `${server.url}/download`)
      server.always({ path: '/download', answer: { status: 302, headers: { location: url } } })
      const redirected = await media.receive({ id: 'media-1' }, { channelId })
      expect(await fetchIt(media, redirected.attachmentId), form).toBe('failed')
    }
    expect(secret.asked).toEqual([])
    expect(await media.objects()).toEqual([])
  })

  test('never gets the token: a redirect to another allowed host goes without it', async () => {
    await using server = await startStandIn()
    const picture = await photo()
    await using cdn = await startFileServer((response) => response.end(picture))
    await using media = await startMediaHub(server, { MEDIA_HOSTS: `${server.host},${cdn.host}` })
    lookup(server, `${server.url}/download`)
    server.always({ path: '/download', answer: { status: 302, headers: { location: `${cdn.url}/file` } } })
    const { attachmentId } = await media.receive({ id: 'media-1' }, { channelId: await cloudChannel(media) })
    expect(await fetchIt(media, attachmentId)).toBe('stored')
    expect(cdn.asked).toEqual(['GET /file'])
    expect(JSON.stringify(cdn.headers)).not.toContain(token)
  })
})

describe('[MED9] files of Evolution', () => {
  const fixture = (name: string) =>
    JSON.parse(
      readFileSync(new URL(`../fixtures/whatsapp/evolution/${name}.json`, import.meta.url), 'utf8'),
    ) as {
      instance: string
      data: { key: { id: string }; message: { base64?: string } }
    }

  async function evolutionChannel(media: MediaHub, instanceName: string, baseUrl: string): Promise<string> {
    const { id } = await media.hub.addChannel({
      provider: 'evolution',
      settings: { instanceName, baseUrl },
      secrets: { apiKey: 'the-key-of-the-instance' },
      externalId: instanceName,
    })
    return id
  }

  /** Stores a delivery as the webhook intake does and receives its file as ingest does. */
  async function deliver(media: MediaHub, channelId: string, body: ReturnType<typeof fixture>) {
    const raw = Buffer.from(JSON.stringify(body))
    const delivery = {
      provider: 'evolution',
      hash: createHash('sha256').update(raw).digest('hex'),
      body: raw.toString('base64'),
      tenantId: media.hub.tenant.id,
      channelId,
      state: 'new',
    }
    await media.hub.deps.db.write.query('select store_deliveries($1)', [JSON.stringify([delivery])])
    const inboxId = await media.onlyDelivery()
    const parsed = providers.evolution.parse({ settings: { instanceName: body.instance } }, body, new Date())
    const [item] = parsed.items
    if (item?.kind !== 'message' || item.media === undefined) throw new Error('the delivery holds no file')
    const ref: StoredRef = refOf(item.media, { inboxId, providerMessageId: item.providerMessageId })
    return { inboxId, ref, received: await media.receive(ref, { channelId, mimeType: item.media.mimeType }) }
  }

  test('that came with the webhook are read from the delivery, without asking the server, and are not copied into the row', async () => {
    await using server = await startStandIn()
    await using media = await startMediaHub(server)
    const body = fixture('messages-upsert-image-base64')
    body.data.message.base64 = (await photo()).toString('base64')
    const channelId = await evolutionChannel(media, body.instance, server.url)
    const { ref, received } = await deliver(media, channelId, body)
    expect(JSON.stringify(ref)).not.toContain(body.data.message.base64.slice(0, 100))
    expect(await fetchIt(media, received.attachmentId)).toBe('stored')
    expect(server.requests).toEqual([])
    expect((await media.row(received.attachmentId)).sha256).toBe(
      createHash('sha256')
        .update(await photo())
        .digest('hex'),
    )
  })

  test('are asked for at the server when the delivery is gone', async () => {
    await using server = await startStandIn()
    await using media = await startMediaHub(server)
    const body = fixture('messages-upsert-image-base64')
    body.data.message.base64 = (await photo()).toString('base64')
    const channelId = await evolutionChannel(media, body.instance, server.url)
    const { received, inboxId } = await deliver(media, channelId, body)
    await media.dropDelivery(inboxId)
    const json = {
      mediaType: 'imageMessage',
      fileName: 'x.jpeg',
      mimetype: 'image/jpeg',
      base64: body.data.message.base64,
      buffer: null,
    }
    server.always({ path: `/chat/getBase64FromMediaMessage/${body.instance}`, answer: { status: 201, json } })
    expect(await fetchIt(media, received.attachmentId)).toBe('stored')
    expect(server.requests.map((request) => request.json)).toEqual([
      { message: { key: { id: body.data.key.id } }, convertToMp4: false },
    ])
    expect((await media.row(received.attachmentId)).mime_type).toBe('image/jpeg')
  })

  test('that the server no longer has are expired', async () => {
    await using server = await startStandIn()
    await using media = await startMediaHub(server)
    const channelId = await evolutionChannel(media, 'one', server.url)
    const { attachmentId } = await media.receive({ key: { id: 'ABC' } }, { channelId })
    server.always({
      answer: {
        status: 400,
        json: { status: 400, error: 'Bad Request', response: { message: ['Message not found'] } },
      },
    })
    expect(await fetchIt(media, attachmentId)).toBe('expired')
  })
})
