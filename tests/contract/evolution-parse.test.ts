import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { evolution } from '../../src/providers/evolution/adapter.ts'
import type { InboundItem, InboundMessage, Parsed } from '../../src/providers/inbound.ts'

const folder = join(import.meta.dirname, '../fixtures/whatsapp/evolution')
const instance = 'atendimento-01'
const receivedAt = new Date('2026-07-02T16:00:00.000Z')
const sentAtSeconds = 1_783_000_061
const own = '5511988880000'
const channel = { settings: { instanceName: instance } }

function delivery(event: string, data: unknown): Parsed {
  const body = { event, instance, data, sender: `${own}@s.whatsapp.net`, apikey: 'secret' }
  return evolution.parse(channel, body, receivedAt)
}

const key = (more: Record<string, unknown> = {}) => ({
  remoteJid: '5511999990001@s.whatsapp.net',
  fromMe: false,
  id: 'A1',
  ...more,
})

function upsert(message: unknown, more: Record<string, unknown> = {}): Parsed {
  return delivery('messages.upsert', { key: key(), message, messageTimestamp: sentAtSeconds, ...more })
}

function only(parsed: Parsed): InboundMessage {
  const [item] = parsed.items
  if (item?.kind !== 'message' || parsed.items.length > 1) throw new Error(JSON.stringify(parsed))
  return item
}

describe('the envelope', () => {
  for (const event of ['messages.upsert', 'MESSAGES_UPSERT', 'messages-upsert', 'Messages.Upsert']) {
    test(`${event} is a message, however the version spells it`, () => {
      const data = { key: key(), message: { conversation: 'oi' }, messageTimestamp: sentAtSeconds }
      expect(only(delivery(event, data)).text).toBe('oi')
    })
  }

  test('data may be one object, an array, or an object around an array', () => {
    const one = { key: key(), message: { conversation: 'oi' } }
    expect(delivery('messages.upsert', [one, one]).items).toHaveLength(2)
    expect(delivery('messages.upsert', { messages: [one, one] }).items).toHaveLength(2)
  })

  test('an event without an instance is set aside: we cannot know whose it is', () => {
    const body = { event: 'messages.upsert', data: { key: key(), message: { conversation: 'oi' } } }
    const parsed = evolution.parse(channel, body, receivedAt)
    expect(parsed.items).toEqual([])
    expect(parsed.poison[0]?.reason).toContain('instance')
  })

  test('a poison part is kept without credentials', () => {
    const body = { event: '', apikey: 'very-secret', api_key: 'very-secret', data: { apikey: 'very-secret' } }
    const parsed = evolution.parse(channel, body, receivedAt)
    expect(parsed.poison).toHaveLength(1)
    expect(JSON.stringify(parsed)).not.toContain('very-secret')
  })
})

describe('time', () => {
  test.each([
    ['a number of seconds', sentAtSeconds],
    ['text', String(sentAtSeconds)],
    ['milliseconds', sentAtSeconds * 1_000],
    ['a 64-bit object', { low: sentAtSeconds, high: 0, unsigned: true }],
  ])('messageTimestamp as %s', (_, messageTimestamp) => {
    expect(only(upsert({ conversation: 'oi' }, { messageTimestamp })).at).toEqual(
      new Date(sentAtSeconds * 1_000),
    )
  })

  test('a message without usable time happened when it arrived', () => {
    for (const messageTimestamp of [undefined, null, 0, -5, 'soon', Number.NaN, {}]) {
      expect(only(upsert({ conversation: 'oi' }, { messageTimestamp })).at).toEqual(receivedAt)
    }
  })

  test('a message that comes hours late still rings; after 24 hours it opens no window', () => {
    const at = (hours: number) => receivedAt.getTime() / 1_000 - hours * 3_600
    const late = only(upsert({ conversation: 'oi' }, { messageTimestamp: at(24) }))
    expect(late).toMatchObject({ origin: 'live', opensWindow: true })
    const later = only(upsert({ conversation: 'oi' }, { messageTimestamp: at(24) - 1 }))
    expect(later).toMatchObject({ origin: 'live', opensWindow: false })
  })
})

describe('who it is', () => {
  const identities = (more: Record<string, unknown>) =>
    only(delivery('messages.upsert', { key: key(more), message: { conversation: 'oi' } })).chat.identities

  test('a device number and the address forms of other libraries are the same person', () => {
    for (const remoteJid of [
      '5511999990001:12@s.whatsapp.net',
      '5511999990001@c.us',
      '5511999990001@hosted',
    ]) {
      expect(identities({ remoteJid })[0]).toEqual({ kind: 'wa_id', value: '5511999990001' })
    }
  })

  test('the hidden id and the number are found in the fields of 2.3.0 and 2.3.1', () => {
    const found = identities({
      remoteJid: '201122334455667@lid',
      senderPn: '5511999990001@s.whatsapp.net',
      senderLid: '201122334455667@lid',
    })
    expect(found.map((identity) => identity.kind)).toEqual(['wa_id', 'phone', 'lid'])
  })

  test('our own number in an Alt field of what we sent is not the customer', () => {
    const found = identities({
      fromMe: true,
      remoteJid: '201122334455667@lid',
      remoteJidAlt: `${own}@s.whatsapp.net`,
      senderPn: `${own}@s.whatsapp.net`,
      senderLid: '999@lid',
    })
    expect(found).toEqual([{ kind: 'lid', value: '201122334455667' }])
  })

  test('2.3.2 puts our own number into remoteJid of what we sent: the customer is in previousRemoteJid', () => {
    const found = identities({
      fromMe: true,
      remoteJid: `${own}@s.whatsapp.net`,
      previousRemoteJid: '201122334455667@lid',
    })
    expect(found).toEqual([{ kind: 'lid', value: '201122334455667' }])
  })

  test('a note to ourselves stays with ourselves', () => {
    expect(identities({ fromMe: true, remoteJid: `${own}@s.whatsapp.net` })[0]?.value).toBe(own)
  })

  test('two different numbers never become one person', () => {
    const found = identities({ remoteJidAlt: '5521977770002@s.whatsapp.net' })
    expect(found.map((identity) => identity.value)).not.toContain('5521977770002')
  })

  test('a number, an empty text and the word for ourselves are no names', () => {
    for (const pushName of ['5511999990001', '+55 11 99999-0001', '', '   ', 'Você', null, 7]) {
      expect(only(upsert({ conversation: 'oi' }, { pushName })).chat).not.toHaveProperty('name')
    }
    expect(only(upsert({ conversation: 'oi' }, { pushName: 'Zé\u0000 \ud83d' })).chat.name).toBe('Zé \ufffd')
  })

  test('in a group, the writer is the sender and the group has no name', () => {
    const data = {
      key: key({ remoteJid: '5511999990001-1690000000@g.us', participant: '5521977770002:3@s.whatsapp.net' }),
      pushName: 'João',
      message: { conversation: 'oi' },
    }
    const message = only(delivery('messages.upsert', data))
    expect(message.chat).toEqual({ identities: [{ kind: 'group', value: '5511999990001-1690000000@g.us' }] })
    expect(message.sender).toMatchObject({
      name: 'João',
      identities: [{ value: '5521977770002' }, expect.anything()],
    })
  })

  test('what we write into a group has no sender', () => {
    const groupKey = key({ fromMe: true, remoteJid: '120363041967849074@g.us', participant: '999@lid' })
    const message = only(delivery('messages.upsert', { key: groupKey, message: { conversation: 'oi' } }))
    expect(message).toMatchObject({ direction: 'out', origin: 'echo' })
    expect(message).not.toHaveProperty('sender')
  })

  test.each(['status@broadcast', '123@broadcast', '1@newsletter', '0@s.whatsapp.net', '8675309@bot'])(
    '%s opens no conversation',
    (remoteJid) => {
      const parsed = delivery('messages.upsert', { key: key({ remoteJid }), message: { conversation: 'oi' } })
      expect(parsed).toMatchObject({ items: [], poison: [], ignored: [expect.stringMatching(/\w+ \w+/)] })
    },
  )

  test('after a message, a group has the name of its last writer in contacts.update, which is not used', () => {
    const parsed = delivery('contacts.update', { remoteJid: '120363041967849074@g.us', pushName: 'João' })
    expect(parsed.items).toEqual([])
  })
})

describe('content', () => {
  test('wrappers are taken off, however many', () => {
    const inner = { viewOnceMessageV2: { message: { imageMessage: { caption: 'x' } } } }
    const message = only(upsert({ ephemeralMessage: { message: inner }, messageContextInfo: {} }))
    expect(message).toMatchObject({ type: 'image', text: 'x', payload: { viewOnce: true } })
  })

  test('wrappers without end are no trouble', () => {
    let deep: unknown = { conversation: 'bottom' }
    for (let level = 0; level < 3_000; level += 1) deep = { ephemeralMessage: { message: deep } }
    expect(upsert(deep).items).toMatchObject([{ type: 'unsupported' }])
  })

  test('keys that come with every object of the language are not content', () => {
    const body = JSON.parse('{"constructor": {"a": 1}, "__proto__": {"conversation": "x"}}') as unknown
    expect(only(upsert(body)).type).toBe('unsupported')
  })

  test('a known kind wins over an unknown one beside it', () => {
    expect(only(upsert({ newestMessage: { a: 1 }, conversation: 'oi' }))).toMatchObject({
      type: 'text',
      text: 'oi',
    })
  })

  test.each(['protocolMessage', 'encReactionMessage', 'albumMessage'])(
    '%s is dropped with a reason',
    (name) => {
      expect(upsert({ [name]: { type: 0 } })).toMatchObject({
        items: [],
        poison: [],
        ignored: [expect.any(String)],
      })
    },
  )

  test('an edit that comes wrapped as a message is an edit', () => {
    const protocolMessage = {
      key: key({ id: 'OLD' }),
      type: 14,
      editedMessage: { conversation: 'new words' },
    }
    const parsed = upsert({ editedMessage: { message: { protocolMessage } } })
    expect(parsed.items).toMatchObject([{ kind: 'edit', targetProviderMessageId: 'OLD', text: 'new words' }])
  })

  test('an unknown kind keeps its raw part, without pictures', () => {
    const thumbnail = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [index, index % 256]))
    const message = only(upsert({ hologramMessage: { depth: 3, jpegThumbnail: thumbnail, hash: thumbnail } }))
    expect(message).toMatchObject({ type: 'unsupported', payload: { what: 'hologramMessage' } })
    expect(message.raw).toEqual({ hologramMessage: { depth: 3, hash: null } })
  })

  test('forwards are counted', () => {
    const forwarded = (forwardingScore: unknown) =>
      only(upsert({ conversation: 'x' }, { contextInfo: { isForwarded: true, forwardingScore } })).payload
    expect(forwarded(1)).toEqual({ forwarded: true })
    expect(forwarded(4)).toEqual({ forwarded: true })
    expect(forwarded(5)).toEqual({ forwarded: true, frequentlyForwarded: true })
  })

  test('a link card is no ad', () => {
    const contextInfo = { externalAdReply: { title: 'A page', sourceUrl: 'https://example.com' } }
    expect(only(upsert({ conversation: 'x' }, { contextInfo })).payload).toEqual({})
  })

  test('a mention by hidden id is not mistaken for a number', () => {
    const contextInfo = { mentionedJid: ['119988776655443@lid', '5511999990001:2@s.whatsapp.net', 5] }
    const { payload } = only(upsert({ conversation: 'x' }, { contextInfo }))
    expect(payload.mentions).toEqual(['119988776655443@lid', '5511999990001'])
  })

  test('a vote that was not decrypted is taken from the counts, else it is unsupported; an empty one takes it back', () => {
    const vote = (selectedOptions: unknown) => ({
      pollUpdateMessage: { pollCreationMessageKey: { id: 'P' }, vote: { selectedOptions } },
    })
    const hash = { 0: 1, 1: 2 }
    const pollUpdates = [
      { name: 'Sim', voters: ['5511999990001@s.whatsapp.net'] },
      { name: 'Não', voters: ['5521977770002@s.whatsapp.net'] },
    ]
    expect(only(upsert(vote([hash]), { pollUpdates })).payload.selected).toEqual(['Sim'])
    expect(only(upsert(vote([hash]))).type).toBe('unsupported')
    expect(only(upsert(vote([])))).toMatchObject({
      type: 'list_reply',
      text: null,
      payload: { selected: [] },
    })
  })

  test('an answer to a native button is a button, one to a flow is a form, broken JSON is kept', () => {
    const reply = (paramsJson: string, name = 'quick_reply') =>
      only(
        upsert({
          interactiveResponseMessage: {
            body: { text: 'Sim' },
            nativeFlowResponseMessage: { name, paramsJson },
          },
        }),
      )
    expect(reply('{"id":"yes"}')).toMatchObject({
      type: 'button_reply',
      payload: { id: 'yes', title: 'Sim' },
    })
    expect(reply('{"a":"x\\u0000y"}', 'form')).toMatchObject({
      type: 'flow_reply',
      payload: { data: { a: 'xy' } },
    })
    expect(reply('{broken', 'form')).toMatchObject({ payload: { data: null, rawJson: '{broken' } })
  })

  test('a file that came along is taken with and without its prefix; what is no base64 is fetched instead', () => {
    const fileOf = (base64: unknown) =>
      only(upsert({ imageMessage: { mimetype: 'image/png' }, base64 })).media?.inlineBase64
    expect(fileOf('Zm9v')).toBe('Zm9v')
    expect(fileOf('data:image/png;base64,Zm9v')).toBe('Zm9v')
    for (const none of ['', '\ud800', 'data:image/png;base64,', '<html>', 7, null])
      expect(fileOf(none)).toBeUndefined()
  })

  test('a card with folded lines, quoted-printable and a photo', () => {
    const vcard = [
      'BEGIN:VCARD',
      'N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Jos=C3=A9;Maria;;;',
      'FN:Maria Jos',
      ' é',
      'ORG:Loja\\, Ltda;Vendas',
      'EMAIL;type=WORK:a@example.com',
      'ADR;type=HOME:;;Rua A;Recife;PE;50000;Brasil',
      'URL:https://example.com',
      `PHOTO;ENCODING=b:${'A'.repeat(50_000)}`,
      'END:VCARD',
    ].join('\r\n')
    const [card] = only(upsert({ contactMessage: { displayName: 'Zé', vcard } })).payload
      .contacts as unknown[]
    expect(card).toEqual({
      name: 'Maria José',
      firstName: 'Maria',
      lastName: 'José',
      phones: [],
      emails: [{ email: 'a@example.com', type: 'WORK' }],
      addresses: [
        { street: 'Rua A', city: 'Recife', state: 'PE', zip: '50000', country: 'Brasil', type: 'HOME' },
      ],
      urls: [{ url: 'https://example.com' }],
      organization: 'Loja, Ltda, Vendas',
    })
  })
})

describe('statuses, edits, deletions', () => {
  test('statuses of version 1: an array, numbers, the id in a key', () => {
    const parsed = delivery('messages.update', [
      { key: { remoteJid: '5511999990001@s.whatsapp.net', fromMe: true, id: 'S1' }, update: { status: 3 } },
      { id: 'S2', fromMe: true, status: 'READ' },
      { keyId: 'S3', fromMe: true, status: 'PENDING' },
    ])
    expect(parsed.items).toMatchObject([
      { providerMessageId: 'S1', status: 'delivered' },
      { providerMessageId: 'S2', status: 'read' },
    ])
    expect(parsed.ignored).toHaveLength(1)
  })

  test('a status beside new content or poll counts is not believed', () => {
    const update = { keyId: 'S1', fromMe: true, status: 'READ' }
    expect(delivery('messages.update', { ...update, pollUpdates: [] }).items).toEqual([])
    expect(delivery('messages.update', { ...update, message: { stickerMessage: {} } }).items).toEqual([])
  })

  test('the database id of the server is never taken for the message', () => {
    const parsed = delivery('messages.update', { messageId: 'cmfyoow42', fromMe: true, status: 'READ' })
    expect(parsed).toMatchObject({ items: [], poison: [{ reason: expect.stringContaining('key id') }] })
  })

  test('a protocol message without type is a deletion when it brings no new words', () => {
    expect(delivery('messages.edited', { key: key({ id: 'D' }) }).items).toMatchObject([
      { kind: 'revoke', targetProviderMessageId: 'D' },
    ])
    const numbered = { key: key({ id: 'D' }), type: 14, editedMessage: { imageMessage: { caption: 'new' } } }
    expect(delivery('messages.edited', numbered).items).toMatchObject([
      { kind: 'edit', text: 'new', type: 'image' },
    ])
  })
})

describe('the channel', () => {
  test('a ban blocks, other ends disconnect, and a state that we do not know is set aside', () => {
    const close = (statusReason: number) =>
      delivery('connection.update', { state: 'close', statusReason }).items[0] as { status?: string }
    expect(close(403).status).toBe('blocked')
    expect(close(402).status).toBe('blocked')
    expect(close(440).status).toBe('disconnected')
    expect(delivery('connection.update', { state: 'dancing' }).poison).toHaveLength(1)
  })

  test('only a picture is taken as a QR code', () => {
    const base64 = 'javascript:alert(1)'
    expect(delivery('qrcode.updated', { qrcode: { base64 } })).toMatchObject({
      items: [],
      poison: [expect.anything()],
    })
  })
})

test('a sync with thousands of contacts is read, element by element', () => {
  const many = Array.from({ length: 5_000 }, (_, index) => ({
    remoteJid: index % 100 === 0 ? null : `55119${String(index).padStart(8, '0')}@s.whatsapp.net`,
    pushName: `Contato n ${index}`,
  }))
  const parsed = delivery('contacts.upsert', many)
  expect(parsed.items).toHaveLength(4_950)
  expect(parsed.poison).toHaveLength(50)
})

describe('[property] whatever comes', () => {
  const bodies = readdirSync(folder).map(
    (file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as unknown,
  )

  /** Replaces the value at a random place of a body. */
  function mutated(body: unknown, path: readonly number[], value: unknown): unknown {
    const [step, ...rest] = path
    if (typeof body !== 'object' || body === null || step === undefined) return value
    const keys = Object.keys(body)
    if (keys.length === 0) return value
    const chosen = keys[step % keys.length] as string
    const copy = (Array.isArray(body) ? [...body] : { ...body }) as Record<string, unknown>
    copy[chosen] = mutated(copy[chosen], rest, value)
    return copy
  }

  const mutation = fc.tuple(
    fc.constantFrom(...bodies),
    fc.array(fc.nat(20), { minLength: 1, maxLength: 7 }),
    fc.oneof(
      fc.anything(),
      fc.constantFrom(null, [], {}, '', '\ud800', '\0', '@lid', -1, 1e308, { low: 'x', high: 1 }),
      fc.constantFrom(...bodies),
    ),
  )

  const isSound = (item: InboundItem): boolean =>
    item.at instanceof Date && !Number.isNaN(item.at.getTime()) && JSON.stringify(item).isWellFormed()

  test('parsing never throws, and what comes out can be stored', () => {
    fc.assert(
      fc.property(mutation, ([body, path, value]) => {
        const changed = mutated(body, path, value)
        const name = (changed as { instance?: unknown } | null)?.instance
        const settings = { instanceName: typeof name === 'string' ? name : instance }
        const parsed = evolution.parse({ settings }, changed, receivedAt)
        expect(parsed.items.every(isSound)).toBe(true)
        const text = JSON.stringify({ items: parsed.items, poison: parsed.poison })
        expect(text).not.toMatch(/(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/)
        expect(parsed.items.length + parsed.poison.length + parsed.ignored.length).toBeGreaterThan(0)
      }),
      { numRuns: 3_000 },
    )
  })

  test('nothing of another instance ever comes out', () => {
    fc.assert(
      fc.property(mutation, fc.string(), ([body, path, value], other) => {
        const changed = mutated(body, path, value)
        const name = (changed as { instance?: unknown } | null)?.instance
        fc.pre(name !== other)
        expect(evolution.parse({ settings: { instanceName: other } }, changed, receivedAt).items).toEqual([])
      }),
      { numRuns: 1_000 },
    )
  })
})
