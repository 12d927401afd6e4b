import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { evolution } from '../../src/providers/evolution/adapter.ts'
import {
  mostCaptionCharacters,
  mostFileBytes,
  mostTextCharacters,
} from '../../src/providers/evolution/refuse.ts'
import { refuseFile } from '../../src/providers/evolution/send.ts'
import type { Identity } from '../../src/providers/inbound.ts'
import type { OutboundMessage, ProviderChannel } from '../../src/providers/port.ts'
import {
  type StandIn,
  type StandInPair,
  type StandInRequest,
  startStandIn,
} from '../harness/provider-stand-in.ts'
import { sampleMedia, sampleMessage, standInIo } from './provider-suite.ts'

const folder = join(import.meta.dirname, '../fixtures/whatsapp/send')
const instance = 'atendimento-01'
const maria: Identity[] = [{ kind: 'phone', value: '5511999990001' }]

function pair(name: string): StandInPair {
  return JSON.parse(readFileSync(join(folder, `evolution-${name}.json`), 'utf8')) as StandInPair
}

function channelOf(server: StandIn, instanceName = instance): ProviderChannel {
  return {
    id: '0197b6e0-0000-7000-8000-00000000c0de',
    provider: 'evolution',
    settings: { instanceName, baseUrl: server.url },
    secrets: { apiKey: 'evo-key-5f1d9a' },
  }
}

function message(part: Partial<OutboundMessage>): OutboundMessage {
  return { ...sampleMessage('text', maria), ...part }
}

/** Sends to a server that answers as recorded; gives the outcome and the request. */
async function played(name: string, part: Partial<OutboundMessage>) {
  await using server = await startStandIn()
  const recorded = pair(name)
  server.play(recorded)
  const instanceName = decodeURIComponent(recorded.request.url.split('/').at(-1) ?? '')
  const outcome = await evolution.send(channelOf(server, instanceName), message(part), standInIo(server))
  return { outcome, recorded, request: server.requests[0] as StandInRequest, requests: server.requests }
}

const id = (suffix: string) => `3EB00000000000000000${suffix}`

describe('recorded sends', () => {
  test('text goes to the typed number, with the key of the channel', async () => {
    const { outcome, request } = await played('send-text', { text: 'Olá Maria, temos vaga às 10h.' })
    expect(outcome).toEqual({
      kind: 'accepted',
      providerMessageId: id('28'),
      recipient: [
        { kind: 'wa_id', value: '5511999990001' },
        { kind: 'phone', value: '5511999990001' },
      ],
    })
    expect(request.headers).toMatchObject({ apikey: 'evo-key-5f1d9a', 'content-type': 'application/json' })
    expect(request.json).toEqual({
      number: '5511999990001',
      text: 'Olá Maria, temos vaga às 10h.',
      messageId: expect.stringMatching(/^3EB0[0-9A-F]{18}$/),
    })
  })

  test('a real answer of a 2.3 server', async () => {
    const { outcome } = await played('send-text-real-response', { text: 'x' })
    expect(outcome).toMatchObject({ kind: 'accepted', providerMessageId: '3EB02BDF6F19D73AB79438' })
  })

  test('the id that we ask for is the same at every try, and 2.4 takes it', async () => {
    const first = await played('send-text-own-message-id-2.4.0', { text: 'Com id próprio' })
    const second = await played('send-text-own-message-id-2.4.0', { text: 'Com id próprio' })
    const asked = (request: StandInRequest) => (request.json as { messageId: string }).messageId
    expect(asked(first.request)).toBe(asked(second.request))
    const other = await played('send-text', { id: '0197b6e0-0000-7000-8000-000000000002' })
    expect(asked(other.request)).not.toBe(asked(first.request))
  })

  test('a reply quotes the message with its words', async () => {
    const { outcome, request, recorded } = await played('send-text-quoted', {
      to: [{ kind: 'wa_id', value: '5511999990001' }],
      text: 'Respondendo a esta mensagem',
      replyTo: { providerMessageId: 'D0F631CA1DDBA8DB3BCFCB9E057CDC98', fromUs: false, text: 'Bom dia' },
    })
    expect(outcome).toMatchObject({ kind: 'accepted', providerMessageId: id('29') })
    const asked = recorded.request.body as { quoted: unknown }
    expect(request.json).toMatchObject({ number: '5511999990001@s.whatsapp.net', quoted: asked.quoted })
  })

  test('a reply in a group leaves the words to the server, which knows who wrote them', async () => {
    const { request } = await played('send-text-quoted', {
      to: [{ kind: 'group', value: '120363041967849074@g.us' }],
      replyTo: { providerMessageId: 'D0', fromUs: false, text: 'Bom dia' },
    })
    expect(request.json).toMatchObject({
      number: '120363041967849074@g.us',
      quoted: { key: { id: 'D0', remoteJid: '120363041967849074@g.us', fromMe: false } },
    })
    expect(request.json).not.toHaveProperty('quoted.message')
  })

  test('a document goes as base64 with name, type and caption', async () => {
    const { outcome, request, recorded } = await played('send-media-document-base64', {
      type: 'document',
      text: 'Segue o contrato',
      media: sampleMedia(
        Buffer.from((pair('send-media-document-base64').request.body as { media: string }).media, 'base64'),
        'application/pdf',
        'contrato.pdf',
      ),
    })
    expect(outcome).toMatchObject({ kind: 'accepted', providerMessageId: id('31') })
    expect(request.json).toMatchObject(recorded.request.body as object)
  })

  test('a file without a name gets one, because base64 needs it', async () => {
    const { fileName: _, ...nameless } = sampleMedia(Buffer.from('jpeg'), 'image/jpeg', 'a.jpg')
    const { outcome, request } = await played('send-media-image-url', {
      type: 'image',
      text: null,
      media: nameless,
    })
    expect(outcome).toMatchObject({ providerMessageId: id('30') })
    expect(request.json).toEqual({
      number: '5511999990001',
      messageId: expect.any(String),
      mediatype: 'image',
      mimetype: 'image/jpeg',
      fileName: 'file.jpeg',
      media: 'anBlZw==',
    })
  })

  test('a voice note is converted by the server', async () => {
    const { outcome, request } = await played('send-whatsapp-audio', sampleMessage('voice', maria))
    expect(outcome).toMatchObject({ providerMessageId: id('32') })
    expect(request.json).toMatchObject({
      encoding: true,
      audio: Buffer.from('bytes of note.ogg').toString('base64'),
    })
  })

  test('a place has a name and an address, whatever we know of it', async () => {
    const place = { latitude: -23.561684, longitude: -46.655981 }
    const whole = { ...place, name: 'MASP', address: 'Av. Paulista, 1578' }
    const { outcome, request, recorded } = await played('send-location', { type: 'location', payload: whole })
    expect(outcome).toMatchObject({ providerMessageId: id('33') })
    expect(request.json).toMatchObject(recorded.request.body as object)
    const bare = await played('send-location', { type: 'location', payload: place })
    expect(bare.request.json).toMatchObject({
      name: '-23.561684, -46.655981',
      address: '-23.561684, -46.655981',
    })
    const named = await played('send-location', { type: 'location', payload: { ...place, name: 'MASP' } })
    expect(named.request.json).toMatchObject({ name: 'MASP', address: 'MASP' })
  })

  test('a contact goes with what the server has room for', async () => {
    const { outcome, request, recorded } = await played('send-contact', {
      type: 'contacts',
      payload: {
        contacts: [
          {
            name: 'Suporte',
            phones: [{ phone: '+55 11 97777-0009', waId: '5511977770009' }],
            emails: [{ email: 'suporte@example.com' }],
            urls: [{ url: 'https://example.com' }],
            organization: 'Loja Exemplo',
          },
        ],
      },
    })
    expect(outcome).toMatchObject({ providerMessageId: id('34') })
    expect(request.json).toMatchObject(recorded.request.body as object)
  })

  test('a reaction is addressed by its target alone; an empty one takes it back', async () => {
    const target = 'D0F631CA1DDBA8DB3BCFCB9E057CDC98'
    const reaction = (payload: Record<string, unknown>, to = maria) =>
      played('send-reaction', {
        type: 'reaction',
        text: null,
        to,
        payload: { targetProviderMessageId: target, ...payload },
      })
    const given = await reaction({ emoji: '👍' })
    expect(given.outcome).toMatchObject({ kind: 'accepted', providerMessageId: id('35') })
    expect(given.request.json).toEqual(given.recorded.request.body)
    expect((await reaction({ emoji: '', targetFromUs: true })).request.json).toMatchObject({
      reaction: '',
      key: { fromMe: true },
    })
    const inGroup = await reaction(
      { emoji: '👍', targetSender: [{ kind: 'lid', value: '119988776655443' }] },
      [{ kind: 'group', value: '120363041967849074@g.us' }],
    )
    expect(inGroup.request.json).toMatchObject({
      key: { remoteJid: '120363041967849074@g.us', participant: '119988776655443@lid' },
    })
  })

  test('choices go as a numbered text, because buttons of paired numbers are often not delivered', async () => {
    const buttons = {
      type: 'button',
      header: { type: 'text', text: 'Confirma?' },
      body: { text: 'Consulta amanhã às 10h' },
      footer: { text: 'Loja Exemplo' },
      action: {
        buttons: [
          { type: 'reply', reply: { id: 'sim', title: 'Sim' } },
          { type: 'reply', reply: { id: 'nao', title: 'Não' } },
        ],
      },
    }
    const { request } = await played('send-text', { type: 'interactive', payload: { interactive: buttons } })
    expect(request.json).toHaveProperty(
      'text',
      '*Confirma?*\n\nConsulta amanhã às 10h\n\n1. Sim\n2. Não\n\n_Loja Exemplo_',
    )
    const list = {
      type: 'list',
      body: { text: 'Escolha' },
      action: {
        button: 'Ver',
        sections: [
          { title: 'Financeiro', rows: [{ id: 'b', title: 'Boleto', description: 'por e-mail' }] },
          { title: 'Outros', rows: [{ id: 'c', title: 'Conversar' }] },
        ],
      },
    }
    const listed = await played('send-text', { type: 'interactive', payload: { interactive: list } })
    expect(listed.request.json).toHaveProperty(
      'text',
      'Escolha\n\n*Financeiro*\n1. Boleto – por e-mail\n*Outros*\n2. Conversar',
    )
  })
})

describe('recorded refusals', () => {
  const text = { text: 'oi' }

  test('a number without WhatsApp is the message’s fault', async () => {
    const { outcome } = await played('send-text-number-not-on-whatsapp', text)
    expect(outcome).toMatchObject({
      kind: 'refused',
      stopChannel: false,
      error: { code: 'contact_unreachable' },
    })
  })

  test('an instance that is offline makes the whole channel wait', async () => {
    const { outcome } = await played('send-text-connection-closed', text)
    expect(outcome).toMatchObject({ kind: 'later', scope: 'channel', error: { retryable: true } })
  })

  test('arrays in arrays of complaints are read', async () => {
    const { outcome } = await played('send-text-missing-text', text)
    expect(outcome).toMatchObject({
      kind: 'refused',
      stopChannel: false,
      error: { detail: 'instance requires property "text"' },
    })
  })

  test('a file without a name', async () => {
    const { outcome } = await played('send-media-missing-filename', sampleMessage('document', maria))
    expect(outcome).toMatchObject({
      kind: 'refused',
      error: { detail: 'For base64 the file name must be informed.' },
    })
  })

  test('a wrong key and a missing licence stop the channel', async () => {
    expect((await played('unauthorized', text)).outcome).toMatchObject({ kind: 'refused', stopChannel: true })
    const licence = await played('license-required-2.4.0', text)
    expect(licence.outcome).toMatchObject({
      kind: 'refused',
      stopChannel: true,
      error: { code: 'LICENSE_REQUIRED' },
    })
  })

  const answered = async (status: number, words: unknown) => {
    await using server = await startStandIn()
    server.always({ answer: { status, json: { status, error: 'x', response: { message: words } } } })
    return await evolution.send(channelOf(server), message(text), standInIo(server))
  }

  test('an instance that does not exist stops the channel', async () => {
    const { response } = pair('instance-not-found')
    const { message: words } = (response.body as { response: { message: unknown } }).response
    expect(await answered(404, words)).toMatchObject({ kind: 'refused', stopChannel: true })
  })

  test('a template that only the Cloud API can send is refused before anything goes out', async () => {
    const part = {
      type: 'template' as const,
      payload: { template: { name: 'hello_world', language: 'en_US' } },
    }
    const { outcome, requests } = await played('send-template-baileys-error', part)
    expect(outcome).toMatchObject({ kind: 'refused', error: { code: 'type_unsupported' } })
    expect(requests).toEqual([])
  })

  test('a 500 says nothing, except that the method does not exist', async () => {
    expect(await answered(500, 'Error: boom')).toMatchObject({ kind: 'unknown' })
    const { message: words } = (
      pair('send-template-baileys-error').response.body as { response: { message: unknown } }
    ).response
    expect(await answered(500, words)).toMatchObject({ kind: 'refused', stopChannel: false })
  })

  test.each(['Error: Timed Out', 'Error: rate-overlimit', 'PrismaClientKnownRequestError: x'])(
    '%s may have gone out: unknown, with the id it has if it did',
    async (words) => {
      expect(await answered(400, [words])).toMatchObject({
        kind: 'unknown',
        providerMessageId: expect.stringMatching(/^3EB0[0-9A-F]{18}$/),
      })
    },
  )

  test('a redirect is a wrong address: our key is not carried along', async () => {
    await using server = await startStandIn()
    server.always({ answer: { status: 302, headers: { location: `${server.url}/elsewhere` } } })
    const outcome = await evolution.send(channelOf(server), message(text), standInIo(server))
    expect(outcome).toMatchObject({ kind: 'refused', stopChannel: true })
    expect(server.requests).toHaveLength(1)
  })

  test('every recorded exchange about sending is played by a test above', () => {
    const source = readFileSync(import.meta.filename, 'utf8')
    // Not used by us: their buttons, lists and carousels, polls, templates of their Cloud API mode.
    const unused = ['buttons', 'carousel-2.4.0', 'list', 'poll', 'presence', 'template-business'].map(
      (n) => `send-${n}`,
    )
    const names = readdirSync(folder)
      .map((file) => /^evolution-(send-.*)\.json$/.exec(file)?.[1])
      .filter((name) => name !== undefined)
    for (const name of names.filter((candidate) => !unused.includes(candidate)))
      expect(source).toContain(`'${name}'`)
  })
})

describe('files', () => {
  const image = (part: Partial<NonNullable<OutboundMessage['media']>>): OutboundMessage => {
    const sample = sampleMessage('image', maria)
    return { ...sample, media: { ...sampleMedia(Buffer.from('x'), 'image/jpeg', 'a.jpg'), ...part } }
  }

  test('a file at the limit may go, one byte more is refused before anything is sent', async () => {
    expect(refuseFile(mostFileBytes)).toBeNull()
    await using server = await startStandIn()
    const outcome = await evolution.send(
      channelOf(server),
      image({ sizeBytes: mostFileBytes + 1 }),
      standInIo(server),
    )
    expect(outcome).toMatchObject({
      kind: 'refused',
      stopChannel: false,
      error: { code: 'payload_too_large' },
    })
    expect(server.requests).toEqual([])
  })

  test('a file is base64 whatever the cuts of its stream', async () => {
    await using server = await startStandIn()
    server.always({ answer: { status: 201, json: { key: { id: 'F1' } } } })
    const bytes = Buffer.from(Array.from({ length: 1_000 }, (_, index) => (index * 7) % 256))
    const cuts = [0, 1, 3, 4, 300, 301, 302, 999, 1_000]
    const parts = cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end))
    const outcome = await evolution.send(
      channelOf(server),
      image({ sizeBytes: 1_000, open: async () => Readable.from(parts) }),
      standInIo(server),
    )
    expect(outcome).toMatchObject({ kind: 'accepted', providerMessageId: 'F1' })
    expect(server.requests[0]?.json).toHaveProperty('media', bytes.toString('base64'))
  })

  test('a file that breaks off on our side did not go out: later, for this message only', async () => {
    await using server = await startStandIn()
    async function* broken(): AsyncGenerator<Buffer> {
      yield Buffer.alloc(100_000)
      throw new Error('the store went away')
    }
    const media = { sizeBytes: 200_000, open: async () => Readable.from(broken()) }
    const outcome = await evolution.send(channelOf(server), image(media), standInIo(server))
    expect(outcome).toMatchObject({ kind: 'later', scope: 'message' })
    expect(server.requests).toEqual([])
  })

  test('an answer that repeats a file of many megabytes is read all the same', async () => {
    await using server = await startStandIn()
    const base64 = 'A'.repeat(12 * 1_048_576)
    server.always({ answer: { status: 201, json: { message: { base64 }, key: { id: 'BIG' } } } })
    const outcome = await evolution.send(channelOf(server), image({}), standInIo(server))
    expect(outcome).toMatchObject({ kind: 'accepted', providerMessageId: 'BIG' })
  })
})

describe('whom and where', () => {
  const numberFor = async (to: Identity[]): Promise<unknown> => {
    await using server = await startStandIn()
    server.always({ answer: { status: 201, json: { key: { id: 'X' } } } })
    await evolution.send(channelOf(server), message({ to }), standInIo(server))
    return (server.requests[0]?.json as { number?: unknown } | undefined)?.number
  }

  test('a known chat is addressed by its JID, a typed number by its digits, a hidden id when there is nothing else', async () => {
    const lid: Identity = { kind: 'lid', value: '201122334455667' }
    expect(await numberFor([lid, { kind: 'wa_id', value: '551188880000' }])).toBe(
      '551188880000@s.whatsapp.net',
    )
    expect(await numberFor([lid, { kind: 'phone', value: '5511988880000' }])).toBe('5511988880000')
    expect(await numberFor([lid])).toBe('201122334455667@lid')
    expect(await numberFor([{ kind: 'group', value: '120363041967849074@g.us' }])).toBe(
      '120363041967849074@g.us',
    )
  })

  test("the installation's key never goes to a server that a channel names", async () => {
    await using server = await startStandIn()
    await using other = await startStandIn()
    const keyless = { ...channelOf(server), secrets: {} }
    const outcome = await evolution.send(
      keyless,
      message({}),
      standInIo(server, { evolutionApiUrl: other.url }),
    )
    expect(outcome).toMatchObject({ kind: 'refused', stopChannel: true })
    expect([...server.requests, ...other.requests]).toEqual([])
  })

  test("a channel that names no server uses the installation's, with its key", async () => {
    await using server = await startStandIn()
    server.always({ answer: { status: 201, json: { key: { id: 'X' } } } })
    const channel = { ...channelOf(server), settings: { instanceName: 'Loja São João' }, secrets: {} }
    expect(await evolution.send(channel, message({}), standInIo(server))).toMatchObject({ kind: 'accepted' })
    expect(server.requests[0]?.headers.apikey).toBe('evolution-global-key')
    expect(server.requests[0]?.path).toBe('/message/sendText/Loja%20S%C3%A3o%20Jo%C3%A3o')
  })
})

describe('limits and missing parts', () => {
  const refuse = (part: Partial<OutboundMessage>) => evolution.refuse(message(part))

  test('text and captions, at the limit and one beyond', () => {
    expect(refuse({ text: 'x'.repeat(mostTextCharacters) })).toBeNull()
    expect(refuse({ text: 'x'.repeat(mostTextCharacters + 1) })).toMatch(/longer than/)
    expect(refuse({ type: 'image', text: 'x'.repeat(mostCaptionCharacters) })).toBeNull()
    expect(refuse({ type: 'image', text: 'x'.repeat(mostCaptionCharacters + 1) })).toMatch(/longer than/)
  })

  test('places off the globe, contacts without number, forms, and reactions to nothing', () => {
    expect(refuse({ type: 'location', payload: { latitude: 90, longitude: -180 } })).toBeNull()
    expect(refuse({ type: 'location', payload: { latitude: 90.1, longitude: 0 } })).toMatch(/latitude/)
    expect(refuse({ type: 'contacts', payload: { contacts: [{ name: 'Ana', phones: [] }] } })).toMatch(
      /phone/,
    )
    expect(refuse({ type: 'contacts', payload: {} })).toMatch(/no contact/)
    expect(
      refuse({ type: 'interactive', payload: { interactive: { type: 'flow', body: { text: 'x' } } } }),
    ).toMatch(/interactive/)
    expect(refuse({ type: 'reaction', payload: { emoji: '👍' } })).toMatch(/which message/)
  })
})
