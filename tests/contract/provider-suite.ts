import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { MessageType } from '../../src/contract/message.ts'
import type { Identity, InboundItem, InboundMessage, Parsed } from '../../src/providers/inbound.ts'
import type {
  OutboundMessage,
  ProviderAdapter,
  ProviderChannel,
  ProviderIo,
} from '../../src/providers/port.ts'
import { type StandIn, type StandInRequest, startStandIn } from '../harness/provider-stand-in.ts'

/**
 * What the suite must know of a provider's dialect: how its webhooks look and how its server answers. Everything else is the
 * same for all, which is the point of the port.
 */
export interface ProviderUnderTest {
  readonly adapter: ProviderAdapter
  /** A channel whose server is the stand-in. Its secrets must be strings that occur nowhere else. */
  channel(server: StandIn): ProviderChannel
  /** The customer of all webhooks below, as the adapter must report them (at least these). */
  readonly customer: readonly Identity[]
  /** Identities that this network cannot send to. */
  readonly unaddressable: readonly Identity[]
  readonly webhooks: {
    text(part: { id: string; text: string; at: Date }): unknown
    delivered(part: { id: string; at: Date }): unknown
    /** A message of a type that nobody knows yet. */
    unknownType(part: { id: string; at: Date }): unknown
    /** One unreadable part and one good text message in a body, whatever this network calls a body. */
    poisonBesideText(part: { id: string; text: string; at: Date }): unknown
    /** A text message for another number (instance) than the channel's. */
    otherNumber(part: { id: string; text: string; at: Date }): unknown
    /** An image whose file the server serves after `serveFile`. */
    image(part: { id: string; at: Date }): unknown
  }
  readonly server: {
    /** Uploads succeed and every send is accepted under this id. */
    accept(server: StandIn, providerMessageId: string): void
    /** Sends are refused for good, because of the message. */
    refuse(server: StandIn): void
    /** Sends are refused because we are too fast; Retry-After says when. */
    busy(server: StandIn, retryAfterSeconds: number): void
    /** Every call is refused because of the credentials. */
    unauthorized(server: StandIn): void
    serveFile(server: StandIn, bytes: Uint8Array, mimeType: string): void
    /** The network knows the file no more. */
    fileGone(server: StandIn): void
    /** The number is fine when asked. */
    connected(server: StandIn): void
    isSend(request: StandInRequest): boolean
  }
}

const at = new Date('2026-07-01T12:00:00.000Z')
const receivedAt = new Date('2026-07-01T12:00:02.000Z')

/** An io that may talk to the stand-in only. */
export function standInIo(server: StandIn, overrides: Partial<ProviderIo> = {}): ProviderIo {
  return {
    fetch,
    timeoutMs: 5_000,
    now: () => receivedAt,
    graphApiUrl: server.url,
    evolutionApiUrl: server.url,
    evolutionApiKey: 'evolution-global-key',
    mediaHosts: [server.host],
    ...overrides,
  }
}

/** A message of each type that some network can send; `to` must be given by the caller. */
export function sampleMessage(type: MessageType, to: readonly Identity[]): OutboundMessage {
  const base = {
    id: '0197b6e0-0000-7000-8000-000000000001',
    to,
    type,
    text: null as string | null,
    payload: {},
  }
  const file = (mimeType: string, fileName: string): OutboundMessage => ({
    ...base,
    media: sampleMedia(Buffer.from(`bytes of ${fileName}`), mimeType, fileName),
  })
  switch (type) {
    case 'image':
      return { ...file('image/jpeg', 'shrub.jpg'), text: 'A shrub' }
    case 'video':
      return { ...file('video/mp4', 'shrub.mp4'), text: 'A film' }
    case 'audio':
      return file('audio/mpeg', 'song.mp3')
    case 'voice':
      return file('audio/ogg', 'note.ogg')
    case 'document':
      return { ...file('application/pdf', 'order.pdf'), text: 'Your order' }
    case 'sticker':
      return file('image/webp', 'smile.webp')
    case 'location':
      return { ...base, text: 'Philz', payload: { latitude: 37.44, longitude: -122.16, name: 'Philz' } }
    case 'contacts':
      return {
        ...base,
        text: 'Barbara',
        payload: {
          contacts: [{ name: 'Barbara J', firstName: 'Barbara', phones: [{ phone: '+16505559999' }] }],
        },
      }
    case 'interactive':
      return {
        ...base,
        text: 'Which?',
        payload: {
          interactive: {
            type: 'button',
            body: { text: 'Which?' },
            action: { buttons: [{ type: 'reply', reply: { id: 'a', title: 'This' } }] },
          },
        },
      }
    case 'template':
      return { ...base, payload: { template: { name: 'order_confirmation', language: 'en_US' } } }
    case 'reaction':
      return { ...base, payload: { emoji: '👍', targetProviderMessageId: 'their-message' } }
    default:
      return { ...base, text: 'Hello' }
  }
}

/** A file to send that lives in memory. */
export function sampleMedia(
  bytes: Uint8Array,
  mimeType: string,
  fileName: string,
): NonNullable<OutboundMessage['media']> {
  return {
    id: '0197b6e0-0000-7000-8000-0000000000aa',
    mimeType,
    sizeBytes: bytes.byteLength,
    fileName,
    open: async () => Readable.from([Buffer.from(bytes)]),
  }
}

/** The promises that every provider adapter keeps. */
export function providerSuite(name: string, provider: ProviderUnderTest): void {
  const { adapter, webhooks } = provider
  const text = (): OutboundMessage => sampleMessage('text', provider.customer)

  describe(`${name}: parsing`, () => {
    const settings = async (): Promise<Pick<ProviderChannel, 'settings'>> => {
      await using server = await startStandIn()
      return { settings: provider.channel(server).settings }
    }

    test('a text message of a customer comes out with its id, time, sender and words', async () => {
      const parsed = adapter.parse(
        await settings(),
        webhooks.text({ id: 'in-1', text: 'Hello 👋', at }),
        receivedAt,
      )
      const message = only(parsed, 'message')
      expect(message).toMatchObject({
        kind: 'message',
        direction: 'in',
        origin: 'live',
        providerMessageId: 'in-1',
        type: 'text',
        text: 'Hello 👋',
        opensWindow: true,
        at,
      })
      expect(message.chat.identities).toEqual(expect.arrayContaining([...provider.customer]))
      expect(parsed.poison).toEqual([])
    })

    test('a delivery status comes out under the id of the message', async () => {
      const parsed = adapter.parse(await settings(), webhooks.delivered({ id: 'out-1', at }), receivedAt)
      expect(only(parsed, 'status')).toMatchObject({ providerMessageId: 'out-1', status: 'delivered' })
    })

    test('a type that nobody knows becomes unsupported with its raw part, and is never dropped', async () => {
      const parsed = adapter.parse(await settings(), webhooks.unknownType({ id: 'in-2', at }), receivedAt)
      const message = only(parsed, 'message')
      expect(message).toMatchObject({ type: 'unsupported', providerMessageId: 'in-2' })
      expect(message.raw).toBeTypeOf('object')
    })

    test('an unreadable part is set aside with a reason and its sibling comes out', async () => {
      const body = webhooks.poisonBesideText({ id: 'in-3', text: 'still here', at })
      const parsed = adapter.parse(await settings(), body, receivedAt)
      expect(only(parsed, 'message')).toMatchObject({ providerMessageId: 'in-3', text: 'still here' })
      expect(parsed.poison).toHaveLength(1)
      expect(parsed.poison[0]?.reason.length).toBeGreaterThan(5)
    })

    test('parts for another number are left out', async () => {
      const parsed = adapter.parse(
        await settings(),
        webhooks.otherNumber({ id: 'in-4', text: 'x', at }),
        receivedAt,
      )
      expect(parsed.items).toEqual([])
    })

    test('parsing is pure: a frozen body gives the same result twice', async () => {
      const channel = await settings()
      const body = frozen(webhooks.text({ id: 'in-5', text: 'again', at }))
      expect(adapter.parse(channel, body, receivedAt)).toEqual(adapter.parse(channel, body, receivedAt))
    })

    test('no NUL and no lone surrogate comes out of it, because the database would refuse the row', async () => {
      const parsed = adapter.parse(
        await settings(),
        webhooks.text({ id: 'in-6', text: 'a\u0000b\ud83dc', at }),
        receivedAt,
      )
      const message = only(parsed, 'message')
      expect(message.text?.startsWith('ab')).toBe(true)
      expect(message.text?.isWellFormed()).toBe(true)
      expect(JSON.stringify(parsed)).not.toContain('\\u0000')
    })

    test('junk never throws and never becomes an item', async () => {
      const channel = await settings()
      for (const junk of junkBodies()) {
        const parsed = adapter.parse(channel, junk, receivedAt)
        expect(parsed.items).toEqual([])
      }
    })

    test('what comes out survives being stored as JSON', async () => {
      const parsed = adapter.parse(await settings(), webhooks.image({ id: 'in-7', at }), receivedAt)
      const message = only(parsed, 'message')
      expect(JSON.parse(JSON.stringify(message))).toEqual({ ...message, at: message.at.toISOString() })
    })
  })

  describe(`${name}: sending`, () => {
    test('an accepted message has the id of the network and was sent exactly once', async () => {
      await using server = await startStandIn()
      provider.server.accept(server, 'out-1')
      const outcome = await adapter.send(provider.channel(server), text(), standInIo(server))
      expect(outcome).toMatchObject({ kind: 'accepted', providerMessageId: 'out-1' })
      expect(server.requests.filter((request) => provider.server.isSend(request))).toHaveLength(1)
    })

    for (const type of adapter.rules.sends) {
      test(`${type} can be sent`, async () => {
        await using server = await startStandIn()
        provider.server.accept(server, 'out-2')
        const message = sampleMessage(type, provider.customer)
        expect(adapter.refuse(message)).toBeNull()
        const outcome = await adapter.send(provider.channel(server), message, standInIo(server))
        expect(outcome).toMatchObject({ kind: 'accepted', providerMessageId: 'out-2' })
        expect(server.requests.filter((request) => provider.server.isSend(request))).toHaveLength(1)
      })
    }

    test('a refusal because of the message is permanent and does not stop the channel', async () => {
      await using server = await startStandIn()
      provider.server.refuse(server)
      const outcome = await adapter.send(provider.channel(server), text(), standInIo(server))
      expect(outcome).toMatchObject({ kind: 'refused', stopChannel: false })
      expect(outcome.kind === 'refused' && outcome.error.title.length).toBeGreaterThan(3)
    })

    test('a refusal because of the credentials stops the channel', async () => {
      await using server = await startStandIn()
      provider.server.unauthorized(server)
      const outcome = await adapter.send(provider.channel(server), text(), standInIo(server))
      expect(outcome).toMatchObject({ kind: 'refused', stopChannel: true })
    })

    test('too fast means later, no sooner than Retry-After', async () => {
      await using server = await startStandIn()
      provider.server.busy(server, 120)
      const outcome = await adapter.send(provider.channel(server), text(), standInIo(server))
      expect(outcome).toMatchObject({ kind: 'later' })
      expect(outcome.kind === 'later' && outcome.afterMs).toBeGreaterThanOrEqual(120_000)
    })

    test('a server that cannot be reached means later: nothing was written', async () => {
      const server = await startStandIn()
      await server.close()
      const outcome = await adapter.send(provider.channel(server), text(), standInIo(server))
      expect(outcome).toMatchObject({ kind: 'later', scope: 'channel' })
    })

    test('a connection that dies after the request was written leaves the outcome unknown', async () => {
      await using server = await startStandIn()
      server.always({ answer: { fault: 'reset' } })
      const outcome = await adapter.send(provider.channel(server), text(), standInIo(server))
      expect(outcome).toMatchObject({ kind: 'unknown' })
    })

    test('an answer that breaks off leaves the outcome unknown', async () => {
      await using server = await startStandIn()
      server.always({
        answer: { json: { some: 'answer that is cut in the middle' }, fault: 'reset-mid-body' },
      })
      const outcome = await adapter.send(provider.channel(server), text(), standInIo(server))
      expect(outcome).toMatchObject({ kind: 'unknown' })
    })

    test('no answer within the time limit leaves the outcome unknown', async () => {
      await using server = await startStandIn()
      server.always({ answer: { fault: 'stall' } })
      const outcome = await adapter.send(
        provider.channel(server),
        text(),
        standInIo(server, { timeoutMs: 150 }),
      )
      expect(outcome).toMatchObject({ kind: 'unknown' })
    })

    test('a success without an id, or that is no JSON, leaves the outcome unknown', async () => {
      for (const answer of [
        { json: {} },
        { json: [] },
        { json: null },
        { text: '<html>ok</html>' },
        { text: '' },
      ]) {
        await using server = await startStandIn()
        server.always({ answer })
        const outcome = await adapter.send(provider.channel(server), text(), standInIo(server))
        expect(outcome).toMatchObject({ kind: 'unknown' })
      }
    })

    test('an HTML 502 of a gateway leaves the outcome unknown', async () => {
      await using server = await startStandIn()
      server.always({
        answer: { status: 502, headers: { 'content-type': 'text/html' }, text: '<h1>Bad Gateway</h1>' },
      })
      const outcome = await adapter.send(provider.channel(server), text(), standInIo(server))
      expect(outcome).toMatchObject({ kind: 'unknown' })
    })

    test('a recipient without an address of this network is refused before anything is sent', async () => {
      await using server = await startStandIn()
      provider.server.accept(server, 'out-3')
      const message = { ...text(), to: provider.unaddressable }
      const outcome = await adapter.send(provider.channel(server), message, standInIo(server))
      expect(outcome).toMatchObject({ kind: 'refused', stopChannel: false })
      expect(server.requests).toEqual([])
    })

    test('secrets never appear in an outcome', async () => {
      await using server = await startStandIn()
      const channel = provider.channel(server)
      const failing: (() => void)[] = [
        () => provider.server.refuse(server),
        () => provider.server.unauthorized(server),
        () => server.always({ answer: { fault: 'reset' } }),
        () => server.always({ answer: { status: 500, text: 'x' } }),
      ]
      for (const fail of failing) {
        fail()
        const outcome = JSON.stringify(await adapter.send(channel, text(), standInIo(server)))
        for (const secret of Object.values(channel.secrets)) expect(outcome).not.toContain(secret)
      }
    })

    test('under a server that fails 30 % of the time, accepted means that the server accepted', async () => {
      await using server = await startStandIn()
      let accepted = 0
      provider.server.accept(server, 'out-4')
      server.unsteady(20_260_701, 0.3)
      for (let sent = 0; sent < 60; sent += 1) {
        const outcome = await adapter.send(provider.channel(server), text(), standInIo(server))
        if (outcome.kind === 'accepted') accepted += 1
        else expect(outcome.kind).toBe('unknown')
      }
      expect(server.requests.filter((request) => provider.server.isSend(request))).toHaveLength(60)
      expect(accepted).toBeGreaterThan(30)
      expect(accepted).toBeLessThan(55)
    })

    test('an empty text is refused with a sentence', () => {
      expect(adapter.refuse({ type: 'text', text: '', payload: {} })).toMatch(/\w+ \w+/)
    })

    test('a type that the network cannot send is refused with a sentence', () => {
      expect(adapter.refuse({ type: 'order', text: null, payload: {} })).toMatch(/\w+ \w+/)
    })
  })

  describe(`${name}: media`, () => {
    const bytes = Buffer.from('GIF89a the bytes of a picture')
    const media = (server: StandIn): NonNullable<InboundMessage['media']> => {
      const channel = provider.channel(server)
      const found = only(
        adapter.parse(channel, webhooks.image({ id: 'in-8', at }), receivedAt),
        'message',
      ).media
      if (found === undefined) throw new Error('the image has no media')
      return { ...found, ref: JSON.parse(JSON.stringify(found.ref)) as Record<string, unknown> }
    }

    test('a file is streamed as it is', async () => {
      await using server = await startStandIn()
      provider.server.serveFile(server, bytes, 'image/jpeg')
      const fetched = await adapter.fetchMedia(provider.channel(server), media(server), standInIo(server))
      if (fetched.kind !== 'stream') throw new Error(`expected a stream, got ${JSON.stringify(fetched)}`)
      expect(Buffer.concat(await fetched.body.toArray())).toEqual(bytes)
    })

    test('a file that the network no longer has is gone', async () => {
      await using server = await startStandIn()
      provider.server.fileGone(server)
      const fetched = await adapter.fetchMedia(provider.channel(server), media(server), standInIo(server))
      expect(fetched.kind).toBe('gone')
    })

    test('a server that fails, resets or stalls means later', async () => {
      for (const answer of [
        { status: 503, text: 'busy' },
        { fault: 'reset' as const },
        { fault: 'stall' as const },
      ]) {
        await using server = await startStandIn()
        server.always({ answer })
        const io = standInIo(server, { timeoutMs: 150 })
        expect((await adapter.fetchMedia(provider.channel(server), media(server), io)).kind).toBe('later')
      }
    })
  })

  describe(`${name}: the number`, () => {
    test('a number that is fine is connected', async () => {
      await using server = await startStandIn()
      provider.server.connected(server)
      const report = await adapter.verify(provider.channel(server), standInIo(server))
      expect(report.status).toBe('connected')
    })

    test('wrong credentials are reported as disconnected with a reason, without the secret', async () => {
      await using server = await startStandIn()
      provider.server.unauthorized(server)
      const channel = provider.channel(server)
      const report = await adapter.verify(channel, standInIo(server))
      expect(report.status).toBe('disconnected')
      expect(report.reason).toMatch(/\w+/)
      for (const secret of Object.values(channel.secrets))
        expect(JSON.stringify(report)).not.toContain(secret)
    })

    test('a network that does not answer says nothing about the number: provider_unreachable is thrown', async () => {
      const server = await startStandIn()
      await server.close()
      await expect(adapter.verify(provider.channel(server), standInIo(server))).rejects.toMatchObject({
        code: 'provider_unreachable',
      })
    })
  })
}

/** The only item of a kind; fails when there are more, or others. */
export function only<K extends InboundItem['kind']>(
  parsed: Parsed,
  kind: K,
): Extract<InboundItem, { kind: K }> {
  const [first, ...others] = parsed.items
  if (first?.kind !== kind || others.length > 0) {
    throw new Error(`expected one ${kind}, got ${JSON.stringify(parsed)}`)
  }
  return first as Extract<InboundItem, { kind: K }>
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) frozen(inner)
    Object.freeze(value)
  }
  return value
}

function junkBodies(): unknown[] {
  let deep: unknown = 'bottom'
  for (let level = 0; level < 5_000; level += 1) deep = level % 2 === 0 ? { entry: [deep] } : { data: deep }
  return [
    undefined,
    null,
    0,
    '',
    'text',
    true,
    [],
    [[]],
    {},
    { object: null, entry: null, event: null, data: null },
    { entry: [null, 1, 'x', {}, []], data: [null, 1, 'x', {}, []] },
    JSON.parse('{"__proto__": {"entry": [{}]}, "constructor": 1, "entry": {"__proto__": []}}'),
    deep,
  ]
}
