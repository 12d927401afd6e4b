import { describe, expect, test } from 'vitest'
import type { Parsed } from '../../src/providers/inbound.ts'
import { instantOf } from '../../src/providers/untrusted.ts'
import { parseDelivery } from '../../src/providers/whatsapp-cloud/parse/envelope.ts'
import { routesOf } from '../../src/providers/whatsapp-cloud/routes-of.ts'
import { channelOf, type Delivery, fixture, names, receivedAt } from './whatsapp-cloud-deliveries.ts'
import { number } from './whatsapp-cloud-expected.ts'
import { expectedFields } from './whatsapp-cloud-expected-fields.ts'
import { expectedMessages } from './whatsapp-cloud-expected-messages.ts'

const expected = { ...expectedMessages, ...expectedFields }
const parse = (body: unknown): Parsed => parseDelivery(channelOf(body), body, receivedAt)

describe('every recorded delivery of the Cloud API', () => {
  test('is in the table', () => {
    expect(Object.keys(expected).sort()).toEqual([...names].sort())
    expect(names).toHaveLength(146)
  })

  test.each(names)('%s', (name) => {
    const body = fixture(name)
    const parsed = parse(body)
    const wanted = expected[name]
    expect(parsed.poison).toEqual([])
    expect(parsed.ignored).toEqual(wanted?.ignored ?? [])
    expect(parsed.items).toHaveLength(wanted?.items.length ?? -1)
    for (const [index, item] of (wanted?.items ?? []).entries()) expectItem(parsed.items[index], item)
    expectTheirIdsAndTimes(body as Delivery, parsed)
  })
})

/** Every named part must be equal, whole; of a file only what is named. An expected undefined must be absent. */
function expectItem(actual: unknown, wanted: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(wanted)) {
    const part = (actual as Record<string, unknown> | undefined)?.[name]
    if (name === 'media' && typeof value === 'object' && value !== null) expectMedia(part, value)
    else expect(part, name).toEqual(value)
  }
}

function expectMedia(actual: unknown, wanted: object): void {
  for (const [name, value] of Object.entries(wanted)) {
    expect((actual as Record<string, unknown> | undefined)?.[name], `media.${name}`).toEqual(value)
  }
}

/** Ids and times are those of the elements, in their order, wherever a fixture holds one list of such elements. */
function expectTheirIdsAndTimes(body: Delivery, parsed: Parsed): void {
  const value = body.entry[0]?.changes?.[0]?.value
  if (body.entry.length !== 1 || value === undefined) return
  const lists = ['messages', 'statuses', 'message_echoes'].map((list) => (value[list] as unknown[]) ?? [])
  const elements = lists.flat() as { id: string; timestamp: string }[]
  for (const [index, element] of elements.entries()) {
    const item = parsed.items[index]
    if (item !== undefined && 'providerMessageId' in item) expect(item.providerMessageId).toBe(element.id)
    expect(item?.at).toEqual(instantOf(element.timestamp) ?? receivedAt)
  }
}

describe('whose parts come out', () => {
  test('each number gets only its own entry of a shared body', () => {
    const other = { phoneNumberId: '107777777777777', wabaId: '215589313241560883' }
    const parsed = parseDelivery({ settings: other }, fixture('batch-two-entries-two-fields'), receivedAt)
    expect(parsed.items).toHaveLength(1)
    expect(parsed.items[0]).toMatchObject({ text: 'entry two, another WABA and number' })
  })

  test('routesOf names every number, and accounts only for parts without a number', () => {
    expect(routesOf(fixture('batch-two-entries-two-fields'))).toEqual({
      phoneNumberIds: ['106540352242922', '107777777777777'],
      wabaIds: [],
    })
    expect(routesOf(fixture('account-review-approved'))).toEqual({
      phoneNumberIds: [],
      wabaIds: ['102290129340398'],
    })
    // entry.id is a business here; the account stands in waba_info.
    expect(routesOf(fixture('account-update-partner-removed')).wabaIds).toEqual(['980198427658004'])
    for (const junk of [null, 1, 'x', [], {}, { entry: 1 }, { entry: [null, { changes: [null, {}] }] }]) {
      expect(routesOf(junk)).toEqual({ phoneNumberIds: [], wabaIds: [] })
    }
  })

  test('what is said of another number of the same account is left out', () => {
    const body = fixture('phone-number-quality-throughput-upgrade')
    const { settings } = channelOf(body)
    const sibling = { settings: { ...settings, displayPhoneNumber: '15550051310' } }
    expect(parseDelivery(sibling, body, receivedAt)).toEqual({ items: [], poison: [], ignored: [] })
  })

  test('an account event reaches every number of the account, and none of another account', () => {
    const body = fixture('account-update-deleted')
    const { settings } = channelOf(body)
    expect(
      parseDelivery({ settings: { ...settings, phoneNumberId: '1' } }, body, receivedAt).items,
    ).toHaveLength(1)
    expect(parseDelivery({ settings: { ...settings, wabaId: '1' } }, body, receivedAt).items).toEqual([])
  })

  test('messages that do not say of which number are set aside without their content', () => {
    const body = structuredClone(fixture('text')) as {
      entry: { changes: { value: { metadata?: unknown } }[] }[]
    }
    delete body.entry[0]?.changes[0]?.value.metadata
    const parsed = parseDelivery(channelOf(fixture('text')), body, receivedAt)
    expect(parsed.items).toEqual([])
    expect(parsed.poison).toEqual([
      { reason: 'field messages does not say of which number', raw: { field: 'messages' } },
    ])
  })
})

describe('account states', () => {
  const account = (value: Record<string, unknown>): unknown => ({
    object: 'whatsapp_business_account',
    entry: [{ id: '102290129340398', time: 1_743_451_903, changes: [{ field: 'account_update', value }] }],
  })
  test.each([
    [{ event: 'DISABLED_UPDATE', ban_info: { waba_ban_state: 'DISABLE' } }, 'blocked'],
    [{ event: 'DISABLED_UPDATE', ban_info: { waba_ban_state: 'SCHEDULE_FOR_DISABLE' } }, undefined],
    [{ event: 'ACCOUNT_RECONNECTED' }, 'connected'],
    [{ event: 'VERIFIED_ACCOUNT' }, undefined],
    [{ event: 'ACCOUNT_RESTRICTION', restriction_info: [] }, 'restricted'],
    [
      {
        event: 'ACCOUNT_RESTRICTION',
        restriction_info: [{ restriction_type: 'RESTRICTED_ADD_PHONE_NUMBER_ACTION' }],
      },
      undefined,
    ],
  ])('%j means %s', (value, status) => {
    expect(parse(account(value)).items).toEqual([expect.objectContaining({ kind: 'channel' })])
    expect((parse(account(value)).items[0] as { status?: string }).status).toBe(status)
  })
  test.each([
    [['RESTRICTED_BIZ_INITIATED_MESSAGING'], true],
    [['RESTRICTED_BIZ_INITIATED_MESSAGING', 'RESTRICTED_ADD_PHONE_NUMBER_ACTION'], true],
    [['RESTRICTED_BIZ_INITIATED_MESSAGING', 'RESTRICTED_CUSTOMER_INITIATED_MESSAGING'], false],
    [['RESTRICTED_BY_SOMETHING_NEW'], false],
    [[], false],
  ])('whoever is restricted in %j may answer: %s', (types, answersOnly) => {
    const info = types.map((type) => ({ restriction_type: type, expiration: 1_743_451_903 }))
    const body = account({ event: 'ACCOUNT_RESTRICTION', restriction_info: info })
    expect(parse(body).items[0]).toMatchObject({ status: 'restricted', answersOnly })
  })
})

test('a restriction ends when the last of those that hinder messages does, if all of them say when', () => {
  const untilOf = (restrictions: [string, unknown][]) =>
    (
      parse({
        object: 'whatsapp_business_account',
        entry: [
          {
            id: '102290129340398',
            changes: [
              {
                field: 'account_update',
                value: {
                  event: 'ACCOUNT_RESTRICTION',
                  restriction_info: restrictions.map(([type, expiration]) => ({
                    restriction_type: type,
                    expiration,
                  })),
                },
              },
            ],
          },
        ],
      }).items[0] as { until?: Date }
    ).until
  const [begin, answer] = ['RESTRICTED_BIZ_INITIATED_MESSAGING', 'RESTRICTED_CUSTOMER_INITIATED_MESSAGING']
  const addNumbers: [string, unknown] = ['RESTRICTED_ADD_PHONE_NUMBER_ACTION', 1_999_999_999]
  expect(untilOf([[begin, 1_743_451_903], [answer, '1743551903'], addNumbers])).toEqual(
    new Date(1_743_551_903_000),
  )
  expect(
    untilOf([
      [begin, 1_743_451_903],
      [answer, undefined],
    ]),
  ).toBeUndefined()
  expect(untilOf([])).toBeUndefined()
})

describe('calls', () => {
  const call = (fields: Record<string, unknown>): unknown => ({
    object: 'whatsapp_business_account',
    entry: [
      {
        id: '1',
        changes: [
          {
            field: 'calls',
            value: {
              metadata: { phone_number_id: '2', display_phone_number: '15550783881' },
              calls: [
                { id: 'wacid.1', from: '16505551234', to: '15550783881', timestamp: '1783000000', ...fields },
              ],
              statuses: [{ id: 'wacid.1', type: 'call', status: 'RINGING' }],
            },
          },
        ],
      },
    ],
  })
  test.each([
    [{ event: 'connect', direction: 'USER_INITIATED' }, 'in', 'Incoming call', true],
    [{ event: 'connect' }, 'in', 'Incoming call', true],
    [{ event: 'terminate', status: 'COMPLETED', duration: 7 }, 'in', 'Call ended after 7 s', false],
    [{ event: 'terminate', status: 'COMPLETED' }, 'in', 'Missed call', false],
    [{ event: 'terminate', status: 'FAILED' }, 'in', 'The call failed', false],
    [{ event: 'connect', direction: 'BUSINESS_INITIATED', to: '16505551234' }, 'out', 'Outgoing call', false],
    [
      { event: 'terminate', from: '15550783881', to: '16505551234' },
      'out',
      'The call was not answered',
      false,
    ],
  ])('%j', (fields, direction, text, opensWindow) => {
    const parsed = parseDelivery({ settings: { phoneNumberId: '2', wabaId: '1' } }, call(fields), receivedAt)
    expect(parsed.items).toMatchObject([
      {
        direction,
        text,
        opensWindow,
        chat: { identities: number('16505551234') },
        payload: { callId: 'wacid.1' },
      },
    ])
    expect(parsed.ignored).toEqual(['the status of a call is not used'])
  })
})

describe('odd spellings', () => {
  const message = (fields: Record<string, unknown>, value: Record<string, unknown> = {}): unknown => ({
    object: 'whatsapp_business_account',
    entry: [
      {
        id: '1',
        changes: [
          {
            field: 'messages',
            value: {
              metadata: { phone_number_id: 106_540_352, display_phone_number: '+1 555' },
              messages: [{ from: 16505551234, id: 'wamid.1', timestamp: 1749416383, ...fields }],
              ...value,
            },
          },
        ],
      },
    ],
  })
  const channel = { settings: { phoneNumberId: '106540352', wabaId: '1' } }
  const one = (fields: Record<string, unknown>) => parseDelivery(channel, message(fields), receivedAt)

  test('integers where strings are documented', () => {
    expect(one({ type: 'text', text: { body: 'x' } }).items[0]).toMatchObject({
      at: new Date(1_749_416_383_000),
      chat: {
        identities: [
          { kind: 'wa_id', value: '16505551234' },
          { kind: 'phone', value: '16505551234' },
        ],
      },
    })
  })

  test.each(['constructor', '__proto__', 'toString', 'hasOwnProperty', ''])('a type named "%s"', (type) => {
    expect(one({ type }).items[0]).toMatchObject({ kind: 'message', type: 'unsupported' })
  })

  test('no type at all', () => {
    expect(one({}).items[0]).toMatchObject({ type: 'unsupported', payload: { what: 'missing' } })
  })

  test('context with false and empty objects counts as absent', () => {
    const [item] = one({
      type: 'text',
      text: { body: 'x' },
      context: { forwarded: false, referred_product: {} },
    }).items
    expect(item).toHaveProperty('payload', {})
    expect(item).not.toHaveProperty('replyTo')
  })

  test.each([
    ['[1,2]', { data: [1, 2] }],
    ['{broken', { data: null, rawJson: '{broken' }],
    ['"text"', { data: null, rawJson: '"text"' }],
    [{ a: 1 }, { data: { a: 1 } }],
  ])('a flow answer of %j', (json, wanted) => {
    const interactive = { type: 'nfm_reply', nfm_reply: { response_json: json, body: 'Sent' } }
    expect(one({ type: 'interactive', interactive }).items[0]).toMatchObject({
      type: 'flow_reply',
      text: 'Sent',
      payload: { name: 'flow', ...wanted },
    })
  })

  test('the relic "voice" is a voice message', () => {
    expect(one({ type: 'voice', voice: { id: 'm1', mime_type: 'audio/ogg' } }).items[0]).toMatchObject({
      type: 'voice',
      media: { ref: { id: 'm1' } },
    })
  })

  test('a body with __proto__ keys and deep nesting is kept without harm', () => {
    let deep: unknown = 'x'
    for (let level = 0; level < 2_000; level += 1) deep = { deep }
    const raw = JSON.parse('{"__proto__": {"polluted": true}}') as Record<string, unknown>
    const [item] = one({ type: 'hologram', hologram: deep, ...raw }).items
    expect(item).toMatchObject({ type: 'unsupported' })
    expect(JSON.stringify(item)).toContain('nested too deeply')
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  })

  test('a status of another kind is ignored with a sentence', () => {
    const statuses = [
      { id: 'wamid.1', status: 'captured', type: 'payment', timestamp: '1' },
      { id: 'wamid.2', status: 'warning', timestamp: '1' },
      {
        id: 'wamid.3',
        status: 'sent',
        timestamp: '1783000000',
        biz_opaque_callback_data: '0197B6E0-0000-7000-8000-000000000001',
      },
    ]
    const parsed = parseDelivery(channel, message({}, { messages: [], statuses }), receivedAt)
    expect(parsed.ignored).toEqual([
      'the status of a payment is not used',
      'status "warning" of message wamid.2 is not used',
    ])
    expect(parsed.items).toMatchObject([{ ourMessageId: '0197b6e0-0000-7000-8000-000000000001' }])
  })
})
