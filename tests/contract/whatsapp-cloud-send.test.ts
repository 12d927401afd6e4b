import { describe, expect, test } from 'vitest'
import type { Identity } from '../../src/providers/inbound.ts'
import type { OutboundMessage, SendOutcome } from '../../src/providers/port.ts'
import { whatsappCloud } from '../../src/providers/whatsapp-cloud/adapter.ts'
import { pathOf, type StandIn, startStandIn } from '../harness/provider-stand-in.ts'
import { sampleMessage, standInIo } from './provider-suite.ts'
import { channel, file, names, out, pairOf, to } from './whatsapp-cloud-exchanges.ts'

const template = (name: string): OutboundMessage => {
  const { language, ...rest } = pairOf(name).request.body.template as { language: { code: string } }
  return out('template', null, { payload: { template: { ...rest, language: language.code } } })
}
const interactive = (name: string): OutboundMessage =>
  out('interactive', null, { payload: { interactive: pairOf(name).request.body.interactive } })

/** What we would be told to send so that the recorded request goes out. */
const messages: Readonly<Record<string, OutboundMessage>> = {
  'cloud-text': out(
    'text',
    "As requested, here's the link to our latest product: https://www.meta.com/quest/quest-3/",
  ),
  'cloud-text-reply-context': out('text', "You're welcome, Pablo!", {
    replyTo: {
      providerMessageId: 'wamid.HBgLMTY0NjcwNDM1OTUVAgASGBQzQTdCNTg5RjY1MEMyRjlGMjRGNgA=',
      fromUs: false,
      text: 'Thanks',
    },
  }),
  'cloud-text-opaque-callback': out('text', 'Hi', { id: 'msg=01J8ZQ2W9G;tenant=7' }),
  'cloud-text-to-bsuid': out('text', 'Hello!', {
    to: [
      { kind: 'username', value: 'sheena' },
      { kind: 'bsuid', value: 'US.13491208655302741918' },
    ],
  }),
  'cloud-image-by-id': out('image', 'The best succulent ever?', file('image/png', 'succulent.png')),
  'cloud-video': out('video', 'A succulent eclipse!', file('video/mp4', 'eclipse.mp4')),
  'cloud-audio-voice': out('voice', null, file('audio/ogg; codecs=opus', 'note.ogg')),
  'cloud-document': out(
    'document',
    'Your order confirmation (PDF)',
    file('application/pdf', 'order_abc123.pdf'),
  ),
  'cloud-sticker': out('sticker', null, file('image/webp', 'sticker.webp')),
  'cloud-location': out('location', 'Philz Coffee', {
    payload: {
      latitude: '37.44216251868683',
      longitude: '-122.16153582049394',
      name: 'Philz Coffee',
      address: '101 Forest Ave, Palo Alto, CA 94301',
    },
  }),
  'cloud-contacts': out('contacts', 'Barbara J. Johnson', {
    payload: {
      contacts: [
        {
          name: 'Barbara J. Johnson',
          phones: [{ phone: '+16505559999', type: 'Mobile', waId: '16505559999' }],
          emails: [{ email: 'bjohnson@luckyshrub.com', type: 'Work' }],
          organization: 'Lucky Shrub',
        },
      ],
    },
  }),
  'cloud-reaction': out('reaction', null, {
    payload: {
      emoji: '😀',
      targetProviderMessageId: 'wamid.HBgLMTY0NjcwNDM1OTUVAgASGBQzQUZCMTY0MDc2MUYwNzBDNTY5MAA=',
    },
  }),
  'cloud-reaction-remove': out('reaction', null, {
    payload: {
      emoji: '',
      targetProviderMessageId: 'wamid.HBgLMTY0NjcwNDM1OTUVAgASGBQzQUZCMTY0MDc2MUYwNzBDNTY5MAA=',
    },
  }),
  ...Object.fromEntries(
    names.filter((name) => name.startsWith('cloud-interactive-')).map((name) => [name, interactive(name)]),
  ),
  ...Object.fromEntries(
    names
      .filter((name) => /^cloud-template-(auth|carousel|header|named|positional)/.test(name))
      .map((name) => [name, template(name)]),
  ),
}

/** Calls that no part of the port makes: administration of numbers, templates and users, and files by link. */
const notOurs = [
  'cloud-block-user',
  'cloud-image-by-link',
  'cloud-marketing-messages',
  'cloud-media-delete',
  'cloud-phone-deregister',
  'cloud-phone-numbers-list',
  'cloud-phone-register',
  'cloud-phone-request-code',
  'cloud-phone-verify-code',
  'cloud-phone-webhook-override',
  'cloud-subscribed-apps-get',
  'cloud-subscribed-apps-post',
  'cloud-template-create',
  'cloud-template-delete',
  'cloud-template-edit',
  'cloud-templates-list',
  'cloud-two-step-pin',
]
/** Played in other tests: below, in whatsapp-cloud-media, in signature, and by the intake (the verification handshake). */
const elsewhere = [
  'cloud-mark-read',
  'cloud-typing-indicator',
  'cloud-phone-info',
  'cloud-media-upload',
  'cloud-media-get-url',
  'cloud-media-download',
  'cloud-webhook-signature-vectors',
  'cloud-webhook-verify',
]

/** What an error answer must lead to. */
const errorOutcomes: Readonly<Record<string, Partial<Record<string, unknown>>>> = {
  '4': { kind: 'later', scope: 'channel', afterMs: 120_000 },
  '10': { kind: 'refused', stopChannel: true },
  '100-33-unknown-object': { kind: 'refused', stopChannel: true },
  '100-to-missing': { kind: 'refused', stopChannel: false },
  '190-expired': { kind: 'refused', stopChannel: true },
  '200-permission': { kind: 'refused', stopChannel: true },
  '368': { kind: 'refused', stopChannel: true },
  // Counted per clock hour; the test's clock stands two seconds past noon.
  '80007': { kind: 'later', scope: 'channel', afterMs: 3_598_000 },
  '130429': { kind: 'later', scope: 'channel', afterMs: 5_000 },
  '131000': { kind: 'later', scope: 'message', afterMs: 5_000 },
  '131008': { kind: 'refused', stopChannel: false },
  '131009': { kind: 'refused', stopChannel: false },
  '131016': { kind: 'later', scope: 'message', afterMs: 10_000 },
  '131021': { kind: 'refused', stopChannel: false },
  // One recipient who is not on a test number's list is no reason to stop the others.
  '131030': { kind: 'refused', stopChannel: false },
  '131031': { kind: 'refused', stopChannel: true },
  '131056': { kind: 'later', scope: 'pair', afterMs: 4_000 },
  '131057': { kind: 'later', scope: 'channel', afterMs: 60_000 },
  '131062': { kind: 'refused', stopChannel: false },
  '132000': { kind: 'refused', stopChannel: false },
  '132001': { kind: 'refused', stopChannel: false },
  '132012': { kind: 'refused', stopChannel: false },
  '132015': { kind: 'refused', stopChannel: false, error: { code: '132015', retryable: true } },
  '133010': { kind: 'refused', stopChannel: true },
  'html-502': { kind: 'unknown' },
}

test('every recorded exchange is played, or named as one that we do not make', () => {
  const played = [
    ...Object.keys(messages),
    ...Object.keys(errorOutcomes).map((name) => `cloud-error-${name}`),
  ]
  expect([...played, ...notOurs, ...elsewhere].sort()).toEqual([...names].sort())
})

describe('recorded sends', () => {
  test.each(Object.keys(messages))('%s', async (name) => {
    await using server = await startStandIn()
    const pair = pairOf(name)
    const message = messages[name] ?? out('text', '')
    server.play(pair)
    const wanted = pair.request.body
    const mediaId = (wanted[String(wanted.type)] as { id?: string } | undefined)?.id
    server.always({ method: 'POST', path: '/106540352242922/media', answer: { json: { id: mediaId } } })

    const outcome = await whatsappCloud.send(channel, message, standInIo(server))

    const sent = server.requests.at(-1)
    expect(sent?.method).toBe(pair.request.method)
    expect(sent?.path).toBe(pathOf(pair.request.url))
    expect(sent?.headers.authorization).toBe('Bearer EAAG-secret-token')
    expect(sent?.headers['content-type']).toBe('application/json')
    expect(sent?.json).toEqual({ ...wanted, biz_opaque_callback_data: message.id })
    const answer = pair.response.body as { messages: { id: string }[]; contacts: Record<string, string>[] }
    const [contact] = answer.contacts
    expect(outcome).toEqual({
      kind: 'accepted',
      providerMessageId: answer.messages[0]?.id,
      recipient: contact?.user_id
        ? [{ kind: 'bsuid', value: contact.user_id }]
        : [{ kind: 'wa_id', value: contact?.wa_id }],
    })
  })
})

describe('recorded errors', () => {
  test.each(Object.entries(errorOutcomes))('cloud-error-%s', async (name, wanted) => {
    await using server = await startStandIn()
    const pair = pairOf(`cloud-error-${name}`)
    server.play(pair)
    const outcome = await whatsappCloud.send(channel, sampleMessage('text', to), standInIo(server))
    expect(outcome).toMatchObject(wanted)
    const error = (pair.response.body as { error?: { code: number; error_data?: { details: string } } })
      ?.error
    if (error === undefined) return
    expect(outcome).toMatchObject({ error: { code: String(error.code) } })
    const detail = (outcome as Exclude<SendOutcome, { kind: 'accepted' }>).error.detail
    expect(detail).toContain(error.error_data?.details ?? '')
    expect(detail).toContain('trace Az8or2yhqkZfEZ-_4Qn_Bam')
  })
})

describe('addressing', () => {
  const bodyTo = async (identities: Identity[]): Promise<unknown> => {
    await using server = await startStandIn()
    server.always({ answer: { json: { messages: [{ id: 'wamid.1' }] } } })
    await whatsappCloud.send(channel, { ...sampleMessage('text', identities) }, standInIo(server))
    return server.requests[0]?.json
  }

  test('the first number wins over a user id and carries a plus', async () => {
    const identities: Identity[] = [
      { kind: 'bsuid', value: 'US.1' },
      { kind: 'wa_id', value: '551187654321' },
      { kind: 'phone', value: '5511987654321' },
    ]
    const body = await bodyTo(identities)
    expect(body).toMatchObject({ recipient_type: 'individual', to: '+551187654321' })
    expect(body).not.toHaveProperty('recipient')
  })

  test('a group goes under its id', async () => {
    expect(await bodyTo([{ kind: 'group', value: 'Y2FwaV9n' }])).toMatchObject({
      recipient_type: 'group',
      to: 'Y2FwaV9n',
    })
  })
})

describe('answers that no code explains', () => {
  const answered = async (answer: Parameters<StandIn['always']>[0]['answer']): Promise<SendOutcome> => {
    await using server = await startStandIn()
    server.always({ answer })
    return await whatsappCloud.send(channel, sampleMessage('text', to), standInIo(server))
  }
  const error = (code: number, more: Record<string, unknown> = {}) => ({
    error: { message: 'x', code, ...more },
  })
  const date = new Date('2026-07-01T12:05:02Z').toUTCString()

  test.each([
    [
      '503 with code 2 was certainly not accepted',
      { status: 503, json: error(2) },
      { kind: 'later', scope: 'message' },
    ],
    ['500 with a code that nobody knows', { status: 500, json: error(999_999) }, { kind: 'unknown' }],
    ['500 with JSON but no error', { status: 500, json: { a: 1 } }, { kind: 'unknown' }],
    ['a redirect is not followed', { status: 307, headers: { location: '/else' } }, { kind: 'unknown' }],
    [
      '400 with an unknown code',
      { status: 400, json: error(999_999) },
      { kind: 'refused', stopChannel: false },
    ],
    [
      '400 that calls itself transient',
      { status: 400, json: error(999_999, { is_transient: true }) },
      { kind: 'later', scope: 'message' },
    ],
    ['400 without JSON', { status: 400, text: 'no' }, { kind: 'refused', error: { code: 'http_400' } }],
    ['401 without a code', { status: 401, text: '' }, { kind: 'refused', stopChannel: true }],
    ['408', { status: 408, text: '' }, { kind: 'unknown' }],
    ['429 without a code', { status: 429, text: '' }, { kind: 'later', scope: 'channel', afterMs: 30_000 }],
    [
      '429 with a date',
      { status: 429, headers: { 'retry-after': date }, text: '' },
      { kind: 'later', afterMs: 300_000 },
    ],
    [
      '200 with an error in it',
      { status: 200, json: error(131_047) },
      { kind: 'refused', error: { code: '131047', retryable: false } },
    ],
    [
      '200 with an id that is a number',
      { json: { messages: [{ id: 5 }] } },
      { kind: 'accepted', providerMessageId: '5' },
    ],
    ['200 with an empty id', { json: { messages: [{ id: '' }] } }, { kind: 'unknown' }],
    ['200 with messages that are none', { json: { messages: 'wamid' } }, { kind: 'unknown' }],
  ])('%s', async (_, answer, wanted) => {
    expect(await answered(answer)).toMatchObject(wanted)
  })

  test('a redirect would carry our token elsewhere, so nothing goes there', async () => {
    await using trap = await startStandIn()
    await using server = await startStandIn()
    server.always({ answer: { status: 307, headers: { location: `${trap.url}/messages` } } })
    await whatsappCloud.send(channel, sampleMessage('text', to), standInIo(server))
    expect(trap.requests).toEqual([])
  })

  test('a name that does not resolve is later', async () => {
    await using server = await startStandIn()
    const io = standInIo(server, { graphApiUrl: 'http://graph.invalid/v23.0' })
    expect(await whatsappCloud.send(channel, sampleMessage('text', to), io)).toMatchObject({
      kind: 'later',
      scope: 'channel',
    })
  })

  test.each(['', '  ', 'two\nlines', 'ünïcode'])(
    'a token like %j is never put in a header',
    async (accessToken) => {
      await using server = await startStandIn()
      const bad = { ...channel, secrets: { accessToken } }
      const outcome = await whatsappCloud.send(bad, sampleMessage('text', to), standInIo(server))
      expect(outcome).toMatchObject({ kind: 'refused', stopChannel: true, error: { code: 'no_token' } })
      expect(server.requests).toEqual([])
    },
  )
})
