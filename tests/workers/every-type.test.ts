import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commandHandlers } from '../../src/command-handlers.ts'
import type { MessageView } from '../../src/contract/message.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { startWorkers } from '../../workers/server.ts'
import { type GatewayHub, startGatewayHub } from '../gateway/setup.ts'
import { eventually } from '../harness/eventually.ts'
import { connectNumber } from '../harness/number.ts'
import { type StandIn, startStandIn } from '../harness/provider-stand-in.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'
import type { TestClient } from '../harness/socket-client.ts'

let hub: GatewayHub
let rest: RestClient
let token: string
let socket: TestClient
let network: StandIn

/** A customer of one network, and the message of theirs that is answered, reacted to and read. */
interface Chat {
  readonly conversationId: string
  readonly theirs: { readonly id: string; readonly providerId: string }
}
const chats = {} as Record<'cloud' | 'evolution', Chat>
const phoneNumberId = '106540352242922'
const instanceName = 'atendimento-01'

beforeAll(async () => {
  network = await startStandIn()
  hub = await startGatewayHub(
    { GRAPH_API_URL: network.url, EVOLUTION_SEND_INTERVAL_MS: '0' },
    commandHandlers,
  )
  hub.onClose(() => network.close())
  rest = await startRestOf(hub)
  const workers = startWorkers(hub.deps)
  hub.onClose(() => workers.close())
  ;({ token } = await hub.signIn('agent', { sub: 'ana' }))
  socket = hub.connect({ token, playsUseCases: false })
  await socket.next('caught-up')

  let taken = 0
  network.always({ path: `/${phoneNumberId}/media`, answer: { json: { id: 'file-of-the-network' } } })
  network.always({
    path: `/${phoneNumberId}/messages`,
    answer: () => ({
      json: { contacts: [{ wa_id: '16505551234' }], messages: [{ id: `wamid.${++taken}` }] },
    }),
  })
  network.always({
    path: /^\/message\//,
    answer: () => ({ status: 201, json: { key: { id: `3EB0${++taken}`, fromMe: true }, status: 'PENDING' } }),
  })
  network.always({ path: /^\/chat\//, answer: { status: 201, json: { read: 'success' } } })
  const number = await connectNumber(hub)
  const cloud = await hub.addChannel({
    provider: 'whatsapp-cloud',
    settings: { phoneNumberId, wabaId: '102290129340398', displayPhoneNumber: '+1 555-078-3881' },
    secrets: { accessToken: 'a', appSecret: 's', verifyToken: 'v' },
    externalId: phoneNumberId,
    accountId: '102290129340398',
  })
  const evolution = await hub.addChannel({
    provider: 'evolution',
    settings: { instanceName, baseUrl: network.url },
    secrets: { apiKey: 'k' },
    externalId: instanceName,
  })
  for (const [name, channelId, phone] of [
    ['cloud', cloud.id, '16505551234'],
    ['evolution', evolution.id, '5511999990001'],
  ] as const) {
    const { id } = await number.conversation({ channelId, phone })
    const theirs = { id: uuidv7(), providerId: `their-message-${name}` }
    await inTenant(hub.deps, hub.tenant.id, async (tx) => {
      await tx.query(
        `insert into messages (tenant_id, id, conversation_id, channel_id, seq, direction, author_kind, type, text, status, provider_message_id, sent_at)
         values ($1, $2, $3, $4, 1, 'in', 'contact', 'text', 'Thanks', 'received', $5, now())`,
        [hub.tenant.id, theirs.id, id, channelId, theirs.providerId],
      )
      await tx.query(
        'update conversations set last_seq = 1, unread_count = 1 where tenant_id = $1 and id = $2',
        [hub.tenant.id, id],
      )
    })
    chats[name] = { conversationId: id, theirs }
  }
})
afterAll(() => hub[Symbol.asyncDispose]())

/** What Meta is sent in a recorded exchange. */
function recorded(name: string): Record<string, unknown> {
  const path = new URL(`../fixtures/whatsapp/send/cloud-${name}.json`, import.meta.url)
  return (JSON.parse(readFileSync(path, 'utf8')) as { request: { body: Record<string, unknown> } }).request
    .body
}
const part = (name: string, member: string) => recorded(name)[member] as Record<string, unknown>

/** A file of ours that was uploaded and looked at. */
async function storeFile(mimeType: string, fileName: string): Promise<string> {
  const id = uuidv7()
  await hub.deps.storage.ready()
  await hub.deps.storage.put(`test/${id}`, Readable.from([Buffer.from('the bytes')]), mimeType)
  await inTenant(hub.deps, hub.tenant.id, (tx) =>
    tx.query(
      `insert into attachments (tenant_id, id, direction, state, mime_type, size_bytes, object_key, file_name) values ($1, $2, 'out', 'stored', $3, 9, $4, $5)`,
      [hub.tenant.id, id, mimeType, `test/${id}`, fileName],
    ),
  )
  return id
}
const base64 = Buffer.from('the bytes').toString('base64')
const ofNetwork = 'file-of-the-network'

type Input = Readonly<Record<string, unknown>>
/** What an agent sends, and what either network is asked for then. Null: this network has nothing like it. */
interface Case {
  readonly type: string
  readonly what: string
  readonly input: (chat: Chat) => Input | Promise<Input>
  readonly cloud: (chat: Chat) => Record<string, unknown>
  readonly evolution: ((chat: Chat) => readonly [action: string, body: Record<string, unknown>]) | null
}

const file = (
  type: string,
  mimeType: string,
  fileName: string,
  fixture: string,
  caption: string | undefined,
  evolution: readonly [action: string, body: Record<string, unknown>],
): Case => ({
  type,
  what: `a file of type ${type}`,
  input: async () => ({ media: { id: await storeFile(mimeType, fileName), ...(caption && { caption }) } }),
  cloud: () => {
    const member = String(recorded(fixture)['type'])
    return { [member]: { ...part(fixture, member), id: ofNetwork }, type: member }
  },
  evolution: () => evolution,
})

const card = {
  name: 'Barbara J. Johnson',
  phones: [{ phone: '+16505559999', type: 'Mobile', waId: '16505559999' }],
  emails: [{ email: 'bjohnson@luckyshrub.com', type: 'Work' }],
  organization: 'Lucky Shrub',
}
const place = {
  latitude: 37.4421,
  longitude: -122.1615,
  name: 'Philz Coffee',
  address: '101 Forest Ave, Palo Alto, CA 94301',
}
const reaction = (emoji: string): Case => ({
  type: 'reaction',
  what: emoji === '' ? 'a reaction that is taken back' : 'a reaction',
  input: ({ theirs }) => ({ reaction: { messageId: theirs.id, emoji } }),
  cloud: ({ theirs }) => ({ reaction: { message_id: theirs.providerId, emoji } }),
  evolution: ({ theirs }) => [
    'sendReaction',
    {
      key: { remoteJid: '5511999990001@s.whatsapp.net', fromMe: false, id: theirs.providerId },
      reaction: emoji,
    },
  ],
})

const cases: readonly Case[] = [
  {
    type: 'text',
    what: 'a text',
    input: () => ({ text: 'Hello 👋' }),
    cloud: () => ({ text: { body: 'Hello 👋' } }),
    evolution: () => ['sendText', { text: 'Hello 👋' }],
  },
  {
    type: 'text',
    what: 'a reply',
    input: ({ theirs }) => ({ text: "You're welcome, Pablo!", replyTo: theirs.id }),
    cloud: ({ theirs }) => ({
      text: part('text-reply-context', 'text'),
      context: { message_id: theirs.providerId },
    }),
    evolution: ({ theirs }) => [
      'sendText',
      {
        text: "You're welcome, Pablo!",
        quoted: {
          key: { id: theirs.providerId, remoteJid: '5511999990001@s.whatsapp.net', fromMe: false },
          message: { conversation: 'Thanks' },
        },
      },
    ],
  },
  file('image', 'image/png', 'succulent.png', 'image-by-id', 'The best succulent ever?', [
    'sendMedia',
    {
      mediatype: 'image',
      mimetype: 'image/png',
      fileName: 'succulent.png',
      caption: 'The best succulent ever?',
      media: base64,
    },
  ]),
  file('video', 'video/mp4', 'eclipse.mp4', 'video', 'A succulent eclipse!', [
    'sendMedia',
    { mediatype: 'video', mimetype: 'video/mp4', caption: 'A succulent eclipse!', media: base64 },
  ]),
  file('voice', 'audio/ogg', 'note.ogg', 'audio-voice', undefined, [
    'sendWhatsAppAudio',
    { encoding: true, audio: base64 },
  ]),
  file('document', 'application/pdf', 'order_abc123.pdf', 'document', 'Your order confirmation (PDF)', [
    'sendMedia',
    {
      mediatype: 'document',
      fileName: 'order_abc123.pdf',
      caption: 'Your order confirmation (PDF)',
      media: base64,
    },
  ]),
  file('sticker', 'image/webp', 'smile.webp', 'sticker', undefined, ['sendSticker', { sticker: base64 }]),
  {
    ...file('audio', 'audio/mpeg', 'song.mp3', 'audio-voice', undefined, [
      'sendMedia',
      { mediatype: 'audio', mimetype: 'audio/mpeg', media: base64 },
    ]),
    cloud: () => ({ type: 'audio', audio: { id: ofNetwork } }),
  },
  {
    type: 'template',
    what: 'a template',
    input: () => {
      const { name, components } = part('template-positional', 'template')
      return { template: { name, language: 'en_US', components } }
    },
    cloud: () => ({ template: part('template-positional', 'template') }),
    evolution: null,
  },
  {
    type: 'interactive',
    what: 'a list',
    input: () => ({ interactive: part('interactive-list', 'interactive') }),
    cloud: () => ({ interactive: part('interactive-list', 'interactive') }),
    evolution: () => [
      'sendText',
      {
        text: expect.stringMatching(/Which shipping option[^]*1\. Priority Mail Express[^]*3\. First-Class/),
      },
    ],
  },
  {
    type: 'location',
    what: 'a place',
    input: () => ({ location: place }),
    cloud: () => ({ location: place }),
    evolution: () => ['sendLocation', place],
  },
  {
    type: 'contacts',
    what: 'a contact',
    input: () => ({ contacts: [card] }),
    cloud: () => ({ contacts: recorded('contacts')['contacts'] }),
    evolution: () => [
      'sendContact',
      {
        contact: [
          {
            fullName: 'Barbara J. Johnson',
            phoneNumber: '+16505559999',
            wuid: '16505559999',
            organization: 'Lucky Shrub',
            email: 'bjohnson@luckyshrub.com',
          },
        ],
      },
    ],
  },
  reaction('😀'),
  reaction(''),
]

/** The requests that a network gets while something is done. */
async function asked(work: () => Promise<unknown>, wanted: RegExp) {
  const before = network.requests.length
  await work()
  return eventually(() => {
    const found = network.requests.slice(before).find(({ path }) => wanted.test(path))
    if (!found) throw new Error(`nothing came for ${wanted}`)
    return found
  })
}

/** Sends over REST or over the socket; the message as it was answered. */
async function send(way: 'REST' | 'the socket', conversationId: string, input: Input): Promise<MessageView> {
  const json = { clientMessageId: uuidv7(), ...input }
  if (way === 'REST') {
    const path = `/api/v1/conversations/${conversationId}/messages`
    const answer = await rest.call<{ data: MessageView }>('POST', path, { token, json })
    expect(answer.status, answer.text).toBe(202)
    return answer.body.data
  }
  const ack = await socket.send<MessageView>('message.send', { conversationId, ...json })
  if (!ack.ok) throw new Error(JSON.stringify(ack.error))
  return ack.data
}

const isSent = (id: string) =>
  socket.next('message.sent', ({ data }) => (data as { messageId?: string }).messageId === id)

describe.each(['REST', 'the socket'] as const)('[OUT3] [OUT1] what is sent over %s', (way) => {
  test.each(cases)('reaches Meta as its reference says: $what', async ({ type, input, cloud }) => {
    const chat = chats.cloud
    let message: MessageView | undefined
    const request = await asked(async () => {
      message = await send(way, chat.conversationId, { type, ...(await input(chat)) })
    }, /\/messages$/)
    expect(request.json).toEqual({
      messaging_product: 'whatsapp',
      recipient_type: 'individual',
      to: '+16505551234',
      type,
      ...cloud(chat),
      biz_opaque_callback_data: message?.id,
    })
    await isSent(message?.id ?? '')
  })

  test.each(cases)(
    'reaches an Evolution server as its reference says: $what',
    async ({ type, input, evolution }) => {
      const chat = chats.evolution
      const given = { type, ...(await input(chat)) }
      if (evolution === null) {
        await expect(send(way, chat.conversationId, given)).rejects.toThrow(/type_unsupported/)
        return
      }
      const [action, body] = evolution(chat)
      let message: MessageView | undefined
      const request = await asked(async () => {
        message = await send(way, chat.conversationId, given)
      }, /^\/message\//)
      expect(request.path).toBe(`/message/${action}/${instanceName}`)
      expect(request.headers['apikey']).toBe('k')
      expect(request.json).toMatchObject({
        ...(action !== 'sendReaction' && { number: expect.stringMatching(/^5511999990001/) }),
        ...body,
      })
      await isSent(message?.id ?? '')
    },
  )
})

test.each([
  [
    'cloud',
    /\/messages$/,
    { messaging_product: 'whatsapp', status: 'read', message_id: 'their-message-cloud' },
  ],
  [
    'evolution',
    /^\/chat\/markMessageAsRead\//,
    {
      readMessages: [
        { remoteJid: '5511999990001@s.whatsapp.net', fromMe: false, id: 'their-message-evolution' },
      ],
    },
  ],
] as const)('[OUT12] what was read is told to the network: %s', async (name, path, body) => {
  const { conversationId } = chats[name]
  const request = await asked(async () => {
    expect(await socket.send('conversation.read', { conversationId, seq: 1 })).toMatchObject({ ok: true })
  }, path)
  expect(request.json).toEqual(body)
})
