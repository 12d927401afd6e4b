import { describe, expect, test } from 'vitest'
import type { MessageType } from '../../contract/message.ts'
import { refuseMessage } from './refuse.ts'

const sentence = /^[A-Z].*\w.*\.$/
const refuse = (type: MessageType, text: string | null, payload: Record<string, unknown> = {}) =>
  refuseMessage({ type, text, payload })
const x = (count: number): string => 'x'.repeat(count)
const buttons = (count: number, title = 'Yes', id = 'id'): unknown[] =>
  Array.from({ length: count }, (_, index) => ({ type: 'reply', reply: { id: `${id}${index}`, title } }))
const buttonMessage = (action: unknown, more: Record<string, unknown> = {}) => ({
  interactive: { type: 'button', body: { text: 'Well?' }, action: { buttons: action }, ...more },
})
const rows = (count: number, more: Record<string, unknown> = {}, from = 0): unknown[] =>
  Array.from({ length: count }, (_, index) => ({ id: `r${from + index}`, title: 'Row', ...more }))
const list = (sections: unknown[], more: Record<string, unknown> = {}) => ({
  interactive: { type: 'list', body: { text: 'Well?' }, action: { button: 'Open', sections }, ...more },
})
const section = (count: number, from: number) => ({ title: 'S', rows: rows(count, {}, from) })
const card = { name: 'Ana' }

describe('limits of the Cloud API, on both sides', () => {
  const cases: [string, Parameters<typeof refuse>, Parameters<typeof refuse>][] = [
    ['text', ['text', x(4096)], ['text', x(4097)]],
    ['text in characters, not code units', ['text', '👋'.repeat(4096)], ['text', '👋'.repeat(4097)]],
    ['text needs something', ['text', '.'], ['text', '  ']],
    ['caption of an image', ['image', x(1024)], ['image', x(1025)]],
    ['caption of a video', ['video', x(1024)], ['video', x(1025)]],
    ['caption of a document', ['document', x(1024)], ['document', x(1025)]],
    ['audio has no caption', ['audio', null], ['audio', 'a song']],
    ['a voice note has no caption', ['voice', null], ['voice', 'hm']],
    ['a sticker has no caption', ['sticker', ''], ['sticker', 'hm']],
    [
      'latitude',
      ['location', null, { latitude: 90, longitude: 180 }],
      ['location', null, { latitude: 90.1, longitude: 0 }],
    ],
    [
      'longitude',
      ['location', null, { latitude: '-90', longitude: -180 }],
      ['location', null, { latitude: 0, longitude: 181 }],
    ],
    [
      'a location has both',
      ['location', null, { latitude: 0, longitude: 0 }],
      ['location', null, { latitude: 1 }],
    ],
    [
      'contacts',
      ['contacts', null, { contacts: Array(257).fill(card) }],
      ['contacts', null, { contacts: Array(258).fill(card) }],
    ],
    ['at least one contact', ['contacts', null, { contacts: [card] }], ['contacts', null, { contacts: [] }]],
    [
      'a contact has a name',
      ['contacts', null, { contacts: [{ firstName: 'A' }] }],
      ['contacts', null, { contacts: [{}] }],
    ],
    [
      'buttons',
      ['interactive', null, buttonMessage(buttons(3))],
      ['interactive', null, buttonMessage(buttons(4))],
    ],
    [
      'at least one button',
      ['interactive', null, buttonMessage(buttons(1))],
      ['interactive', null, buttonMessage([])],
    ],
    [
      'title of a button',
      ['interactive', null, buttonMessage(buttons(1, x(20)))],
      ['interactive', null, buttonMessage(buttons(1, x(21)))],
    ],
    [
      'id of a button',
      ['interactive', null, buttonMessage(buttons(1, 'Yes', x(255)))],
      ['interactive', null, buttonMessage(buttons(1, 'Yes', x(256)))],
    ],
    [
      'ids of buttons differ',
      ['interactive', null, buttonMessage(buttons(2))],
      ['interactive', null, buttonMessage([...buttons(1), ...buttons(1)])],
    ],
    [
      'body of a button message',
      ['interactive', null, buttonMessage(buttons(1), { body: { text: x(1024) } })],
      ['interactive', null, buttonMessage(buttons(1), { body: { text: x(1025) } })],
    ],
    [
      'header',
      ['interactive', null, buttonMessage(buttons(1), { header: { type: 'text', text: x(60) } })],
      ['interactive', null, buttonMessage(buttons(1), { header: { type: 'text', text: x(61) } })],
    ],
    [
      'footer',
      ['interactive', null, buttonMessage(buttons(1), { footer: { text: x(60) } })],
      ['interactive', null, buttonMessage(buttons(1), { footer: { text: x(61) } })],
    ],
    [
      'rows of a list, in all sections together',
      ['interactive', null, list([section(5, 0), section(5, 5)])],
      ['interactive', null, list([section(5, 0), section(6, 5)])],
    ],
    [
      'sections of a list',
      ['interactive', null, list(Array.from({ length: 10 }, (_, index) => section(1, index)))],
      ['interactive', null, list(Array.from({ length: 11 }, (_, index) => section(1, index)))],
    ],
    [
      'sections need titles when there are several',
      ['interactive', null, list([{ rows: rows(1) }])],
      ['interactive', null, list([{ rows: rows(1) }, { rows: rows(1, {}, 1) }])],
    ],
    [
      'title of a section',
      ['interactive', null, list([{ title: x(24), rows: rows(1) }])],
      ['interactive', null, list([{ title: x(25), rows: rows(1) }])],
    ],
    [
      'title of a row',
      ['interactive', null, list([{ rows: rows(1, { title: x(24) }) }])],
      ['interactive', null, list([{ rows: rows(1, { title: x(25) }) }])],
    ],
    [
      'id of a row',
      ['interactive', null, list([{ rows: rows(1, { id: x(200) }) }])],
      ['interactive', null, list([{ rows: rows(1, { id: x(201) }) }])],
    ],
    [
      'description of a row',
      ['interactive', null, list([{ rows: rows(1, { description: x(72) }) }])],
      ['interactive', null, list([{ rows: rows(1, { description: x(73) }) }])],
    ],
    [
      'ids of rows differ',
      ['interactive', null, list([{ rows: rows(2) }])],
      ['interactive', null, list([{ rows: rows(2, { id: 'same' }) }])],
    ],
    [
      'body of a list',
      ['interactive', null, list([{ rows: rows(1) }], { body: { text: x(4096) } })],
      ['interactive', null, list([{ rows: rows(1) }], { body: { text: x(4097) } })],
    ],
    [
      'button of a list',
      ['interactive', null, list([], { action: { button: x(20), sections: [{ rows: rows(1) }] } })],
      ['interactive', null, list([], { action: { button: x(21), sections: [{ rows: rows(1) }] } })],
    ],
    [
      'label of a link button',
      ['interactive', null, linkMessage(x(20))],
      ['interactive', null, linkMessage(x(21))],
    ],
    ['products', ['interactive', null, products(30)], ['interactive', null, products(31)]],
    ['cards of a carousel, at least', ['interactive', null, carousel(2)], ['interactive', null, carousel(1)]],
    [
      'cards of a carousel, at most',
      ['interactive', null, carousel(10)],
      ['interactive', null, carousel(11)],
    ],
    [
      'template name',
      ['template', null, { template: { name: x(512), language: 'en_US' } }],
      ['template', null, { template: { name: x(513), language: 'en_US' } }],
    ],
    [
      'template language',
      ['template', null, { template: { name: 'a', language: { code: 'en' } } }],
      ['template', null, { template: { name: 'a' } }],
    ],
    [
      'reaction has a target',
      ['reaction', null, { emoji: '', targetProviderMessageId: 'w' }],
      ['reaction', null, { emoji: '👍' }],
    ],
    [
      'reaction is one emoji',
      ['reaction', null, { emoji: '👩‍👩‍👧‍👦', targetProviderMessageId: 'w' }],
      ['reaction', null, { emoji: 'no emoji at all, I think', targetProviderMessageId: 'w' }],
    ],
  ]
  test.each(cases)('%s', (_, good, bad) => {
    expect(refuse(...good)).toBeNull()
    expect(refuse(...bad)).toMatch(sentence)
  })

  test('without the object there is nothing to send', () => {
    for (const type of ['interactive', 'template', 'contacts', 'location', 'reaction'] as const) {
      expect(refuse(type, null)).toMatch(sentence)
    }
    expect(refuse('interactive', null, { interactive: { body: { text: 'x' } } })).toMatch(sentence)
    expect(refuse('interactive', null, { interactive: { type: 'button', body: { text: 'x' } } })).toMatch(
      sentence,
    )
  })

  test.each(['order', 'system', 'call', 'unsupported', 'button_reply', 'flow_reply'] as const)(
    'WhatsApp cannot send %s',
    (type) => {
      expect(refuse(type, 'x')).toMatch(sentence)
    },
  )
})

describe('files that the Cloud API takes', () => {
  const megabyte = 1_048_576
  const fileOf = (type: MessageType, mimeType: string, sizeBytes: number) =>
    refuseMessage({ type, text: null, payload: {}, media: { mimeType, sizeBytes } })
  test.each([
    ['image', 'image/jpeg', 5 * megabyte],
    ['image', 'image/png', 1],
    ['video', 'video/mp4', 16 * megabyte],
    ['audio', 'audio/mpeg', 16 * megabyte],
    ['voice', 'audio/ogg; codecs=opus', 16 * megabyte],
    ['document', 'application/x-anything', 100 * megabyte],
    ['sticker', 'image/webp', 500 * 1_024],
  ] as const)('%s of %s with %i bytes', (type, mimeType, limit) => {
    expect(fileOf(type, mimeType, limit)).toBeNull()
    if (limit > 1) expect(fileOf(type, mimeType, limit + 1)).toMatch(sentence)
    expect(fileOf(type, mimeType, 0)).toMatch(sentence)
  })

  test.each([
    ['image', 'image/heic'],
    ['image', 'image/webp'],
    ['video', 'video/quicktime'],
    ['audio', 'audio/wav'],
    ['voice', 'audio/mpeg'],
    ['sticker', 'image/png'],
  ] as const)('%s cannot be %s', (type, mimeType) => {
    expect(fileOf(type, mimeType, 100)).toMatch(sentence)
  })
})

function linkMessage(label: string): Record<string, unknown> {
  const parameters = { display_text: label, url: 'https://example.com' }
  return { interactive: { type: 'cta_url', body: { text: 'x' }, action: { name: 'cta_url', parameters } } }
}

function products(count: number): Record<string, unknown> {
  const items = Array.from({ length: count }, (_, index) => ({ product_retailer_id: String(index) }))
  return {
    interactive: {
      type: 'product_list',
      body: { text: 'x' },
      action: { sections: [{ product_items: items }] },
    },
  }
}

function carousel(count: number): Record<string, unknown> {
  return { interactive: { type: 'carousel', action: { cards: Array(count).fill({}) } } }
}
