import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { evolution } from '../../src/providers/evolution/adapter.ts'
import type { Identity, InboundMedia } from '../../src/providers/inbound.ts'
import type { ProviderChannel } from '../../src/providers/port.ts'
import { type StandIn, type StandInPair, startStandIn } from '../harness/provider-stand-in.ts'
import { standInIo } from './provider-suite.ts'

const folder = join(import.meta.dirname, '../fixtures/whatsapp/send')
const instance = 'atendimento-01'
const maria: Identity[] = [{ kind: 'wa_id', value: '5511999990001' }]

function pair(name: string): StandInPair {
  return JSON.parse(readFileSync(join(folder, `evolution-${name}.json`), 'utf8')) as StandInPair
}

function channelOf(server: StandIn): ProviderChannel {
  return {
    id: '0197b6e0-0000-7000-8000-00000000c0de',
    provider: 'evolution',
    settings: { instanceName: instance, baseUrl: server.url },
    secrets: { apiKey: 'evo-key-5f1d9a' },
  }
}

const state = (word: string) => ({
  path: `/instance/connectionState/${instance}`,
  answer: { json: { instance: { instanceName: instance, state: word } } },
})

describe('reading and typing', () => {
  test('a message is marked as read under its key', async () => {
    await using server = await startStandIn()
    const recorded = pair('mark-as-read')
    server.play(recorded)
    const providerMessageId = 'D0F631CA1DDBA8DB3BCFCB9E057CDC98'
    const to = { providerMessageId, chat: maria, typing: false }
    const outcome = await evolution.markRead(channelOf(server), to, standInIo(server))
    expect(outcome).toEqual({ kind: 'accepted', providerMessageId })
    expect(server.requests.map((request) => request.json)).toEqual([recorded.request.body])
  })

  test('typing is shown without waiting for it, although the server answers only when it ends', async () => {
    await using server = await startStandIn()
    server.always({ path: `/chat/sendPresence/${instance}`, answer: { fault: 'stall' } })
    server.play(pair('mark-as-read'))
    const to = { providerMessageId: 'D0', chat: maria, typing: true }
    const outcome = await evolution.markRead(channelOf(server), to, standInIo(server))
    expect(outcome).toMatchObject({ kind: 'accepted' })
    while (server.requests.length < 2) await server.next()
    const typing = server.requests.find((request) => request.path.startsWith('/chat/sendPresence/'))
    expect(typing?.json).toMatchObject({ number: '5511999990001@s.whatsapp.net', presence: 'composing' })
  })

  test('a refused read receipt is an outcome, not an exception', async () => {
    await using server = await startStandIn()
    server.always({ answer: { status: 401, json: { status: 401, response: { message: 'Unauthorized' } } } })
    const to = { providerMessageId: 'D0', chat: maria, typing: false }
    expect(await evolution.markRead(channelOf(server), to, standInIo(server))).toMatchObject({
      kind: 'refused',
    })
    const nobody = { ...to, chat: [{ kind: 'bsuid', value: 'x' }] satisfies Identity[] }
    expect(await evolution.markRead(channelOf(server), nobody, standInIo(server))).toMatchObject({
      kind: 'refused',
    })
  })
})

describe('the state of the number', () => {
  test('an open instance is connected; its number and version are told, its token is not', async () => {
    await using server = await startStandIn()
    server.play(pair('connection-state'))
    server.play(pair('fetch-instances'))
    server.once({ path: '/', answer: { json: { status: 200, version: '2.3.7', clientName: 'evolution' } } })
    const report = await evolution.verify(channelOf(server), standInIo(server))
    expect(report).toEqual({
      status: 'connected',
      health: {
        state: 'open',
        version: '2.3.7',
        number: '5511988880000',
        profileName: 'Loja Exemplo',
        integration: 'WHATSAPP-BAILEYS',
        qr: null,
        pairingCode: null,
      },
    })
    expect(JSON.stringify(report)).not.toContain('0B7C1D52')
  })

  test('an instance that waits for its phone gives a QR code', async () => {
    await using server = await startStandIn()
    server.always(state('close'))
    server.play(pair('instance-connect-qr'))
    const qr = 'data:image/png;base64,iVBORw0KGgo='
    expect(await evolution.verify(channelOf(server), standInIo(server))).toMatchObject({
      status: 'connecting',
      qr,
      health: { qr, pairingCode: null },
    })
  })

  test('a pairing code comes along', async () => {
    await using server = await startStandIn()
    server.always(state('connecting'))
    server.play({ ...pair('instance-connect-pairing') })
    const report = await evolution.verify(channelOf(server), standInIo(server))
    expect(report.health.pairingCode).toBe('K7QJ2M9X')
  })

  test('an instance that came up meanwhile is connected', async () => {
    await using server = await startStandIn()
    server.always(state('connecting'))
    server.play(pair('instance-connect-already-open'))
    expect((await evolution.verify(channelOf(server), standInIo(server))).status).toBe('connected')
  })

  test('an error inside a 200, and a code that is not ready yet', async () => {
    await using server = await startStandIn()
    server.always(state('close'))
    server.once({ path: /connect\//, answer: { json: { error: true, message: 'proxy refused' } } })
    const failed = await evolution.verify(channelOf(server), standInIo(server))
    expect(failed).toMatchObject({ status: 'disconnected', reason: 'proxy refused' })
    server.once({ path: /connect\//, answer: { json: { count: 0 } } })
    expect(await evolution.verify(channelOf(server), standInIo(server))).not.toHaveProperty('qr')
  })

  test('an instance that does not exist is removed; a missing licence is told', async () => {
    await using server = await startStandIn()
    const missing = pair('instance-not-found')
    server.play({
      ...missing,
      request: { ...missing.request, url: missing.request.url.replace('nope', instance) },
    })
    expect(await evolution.verify(channelOf(server), standInIo(server))).toMatchObject({
      status: 'removed',
      reason: expect.stringContaining('does not exist'),
    })
    server.always({ answer: { status: 503, json: pair('license-required-2.4.0').response.body } })
    expect(await evolution.verify(channelOf(server), standInIo(server))).toMatchObject({
      status: 'disconnected',
      reason: expect.stringContaining('licence'),
    })
  })

  test('a channel without server is reported, not thrown', async () => {
    await using server = await startStandIn()
    const channel = { ...channelOf(server), settings: { instanceName: instance, baseUrl: 'ftp://x' } }
    const report = await evolution.verify(channel, standInIo(server))
    expect(report).toMatchObject({ status: 'disconnected', reason: expect.stringContaining('server') })
  })
})

describe('telling the server where to deliver', () => {
  const webhook = { url: 'https://hub.example.com/api/webhooks/evolution/key', secret: 'evo-hook-77ab31' }
  const connect = (server: StandIn, to: { url: string; secret?: string } = webhook) =>
    evolution.connect?.(channelOf(server), to, standInIo(server))

  test('the webhook is set with our address, the secret as a header, a list of events, and no media inside', async () => {
    await using server = await startStandIn()
    server.play(pair('webhook-set'))
    expect(await connect(server)).toEqual({ kind: 'connected' })
    expect(server.requests[0]?.json).toEqual({
      webhook: {
        enabled: true,
        url: webhook.url,
        headers: { 'x-webhook-secret': webhook.secret },
        byEvents: false,
        base64: false,
        events: expect.arrayContaining(['MESSAGES_UPSERT', 'MESSAGES_EDITED', 'CONNECTION_UPDATE', 'CALL']),
      },
    })
  })

  test('a server that does not know one of the events gets the short list', async () => {
    await using server = await startStandIn()
    const recorded = pair('webhook-set')
    const unknown = [['webhook.events[8] is not one of enum values: MESSAGES_UPSERT']]
    server.once({ answer: { status: 400, json: { status: 400, response: { message: unknown } } } })
    server.play(recorded)
    expect(await connect(server, { url: webhook.url })).toEqual({ kind: 'connected' })
    const [first, second] = server.requests.map((r) => (r.json as { webhook: { events: string[] } }).webhook)
    expect(second?.events.length).toBeLessThan(first?.events.length ?? 0)
    expect(second?.events).toContain('MESSAGES_UPSERT')
    expect(second).not.toHaveProperty('headers')
  })

  test('a refusal, a failure and a dead server', async () => {
    await using server = await startStandIn()
    server.play(pair('webhook-set-flat-body-400'))
    server.play(pair('webhook-set-flat-body-400'))
    expect(await connect(server)).toMatchObject({
      kind: 'refused',
      error: { detail: expect.stringContaining('webhook') },
    })
    server.always({ answer: { status: 500, text: 'x' } })
    expect(await connect(server)).toMatchObject({ kind: 'later', error: { retryable: true } })
    await server.close()
    expect(await connect(server)).toMatchObject({ kind: 'later' })
  })
})

describe('files that the server holds', () => {
  const ref = {
    key: { id: '3A1B2C3D4E5F60718293', remoteJid: '5511999990001@s.whatsapp.net', fromMe: false },
    message: { imageMessage: { url: 'https://mmg.whatsapp.net/x', mediaKey: 'AQI=' } },
  }
  const media = (more: Record<string, unknown> = {}): InboundMedia => ({
    ref: { ...ref, ...more },
    mimeType: 'image/jpeg',
  })
  const call = `/chat/getBase64FromMediaMessage/${instance}`

  test('a recorded file is asked for by its id and decoded, with its name and type', async () => {
    await using server = await startStandIn()
    const recorded = pair('get-base64')
    server.play(recorded)
    const fetched = await evolution.fetchMedia(channelOf(server), media(), standInIo(server))
    if (fetched.kind !== 'stream') throw new Error(JSON.stringify(fetched))
    const { base64 } = recorded.response.body as { base64: string }
    expect(Buffer.concat(await fetched.body.toArray())).toEqual(Buffer.from(base64, 'base64'))
    expect(fetched).toMatchObject({ fileName: '3A1B2C3D4E5F60718293.jpeg', mimeType: 'image/jpeg' })
    expect(server.requests[0]?.json).toEqual(recorded.request.body)
  })

  test('a server that keeps no messages is given the message itself', async () => {
    await using server = await startStandIn()
    const missing = pair('get-base64-not-found')
    server.once({ path: call, answer: { status: 400, json: missing.response.body } })
    server.once({ path: call, answer: { status: 201, json: { base64: 'Zm9v' } } })
    const fetched = await evolution.fetchMedia(channelOf(server), media(), standInIo(server))
    if (fetched.kind !== 'stream') throw new Error(JSON.stringify(fetched))
    expect(Buffer.concat(await fetched.body.toArray()).toString()).toBe('foo')
    expect(server.requests[1]?.json).toMatchObject({ message: ref })
  })

  test('the store of the server is used when its host is allowed, and never asked when it is not', async () => {
    await using server = await startStandIn()
    await using store = await startStandIn()
    store.always({ answer: { bytes: Buffer.from('stored'), headers: { 'content-type': 'image/png' } } })
    server.always({ path: call, answer: { status: 201, json: { base64: 'Zm9v' } } })
    const stored = media({ mediaUrl: `${store.url}/evolution/a.png?X-Amz-Signature=1` })
    const allowed = standInIo(server, { mediaHosts: [store.host] })
    const fetched = await evolution.fetchMedia(channelOf(server), stored, allowed)
    if (fetched.kind !== 'stream') throw new Error(JSON.stringify(fetched))
    expect(Buffer.concat(await fetched.body.toArray()).toString()).toBe('stored')
    expect(store.requests[0]?.headers).not.toHaveProperty('apikey')
    const other = await evolution.fetchMedia(channelOf(server), stored, standInIo(server, { mediaHosts: [] }))
    if (other.kind !== 'stream') throw new Error(JSON.stringify(other))
    expect(Buffer.concat(await other.body.toArray()).toString()).toBe('foo')
    expect(store.requests).toHaveLength(1)
  })

  test('what is gone, what never was a file, and what may work later', async () => {
    const answered = async (status: number, json: unknown) => {
      await using server = await startStandIn()
      server.always({ answer: { status, json } })
      return (await evolution.fetchMedia(channelOf(server), media(), standInIo(server))).kind
    }
    const said = (words: string) => ({ status: 400, response: { message: [words] } })
    expect(await answered(201, null)).toBe('gone')
    expect(await answered(201, { base64: null })).toBe('gone')
    expect(await answered(400, said('Error: Failed to fetch stream, status 410'))).toBe('gone')
    expect(await answered(400, said('The message is not of the media type'))).toBe('failed')
    expect(await answered(401, said('Unauthorized'))).toBe('failed')
    expect(await answered(503, { code: 'LICENSE_REQUIRED', message: 'x' })).toBe('failed')
    expect(await answered(400, said('Error: Connection Closed'))).toBe('later')
    expect(await answered(500, said('boom'))).toBe('later')
  })

  test('a file that stops coming, or breaks off, fails the stream instead of ending it', async () => {
    for (const fault of ['stall-mid-body', 'reset-mid-body'] as const) {
      await using server = await startStandIn()
      server.always({ answer: { status: 201, json: { base64: 'A'.repeat(400_000) }, fault } })
      const io = standInIo(server, { timeoutMs: 200 })
      const fetched = await evolution.fetchMedia(channelOf(server), media(), io)
      if (fetched.kind !== 'stream') throw new Error(JSON.stringify(fetched))
      await expect(fetched.body.toArray()).rejects.toThrow(/time|terminated|broke off/)
    }
  })

  test('a ref that is not ours fails with a reason', async () => {
    await using server = await startStandIn()
    const fetched = await evolution.fetchMedia(
      channelOf(server),
      { ref: {}, mimeType: 'x/y' },
      standInIo(server),
    )
    expect(fetched).toMatchObject({ kind: 'failed' })
    expect(server.requests).toEqual([])
  })
})
