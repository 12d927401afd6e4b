import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Parsed } from '../../src/providers/inbound.ts'
import { parseDelivery } from '../../src/providers/whatsapp-cloud/parse/envelope.ts'
import { routesOf } from '../../src/providers/whatsapp-cloud/routes-of.ts'
import { channelOf, fixture, names, receivedAt } from './whatsapp-cloud-deliveries.ts'

describe('parts that make no sense are set aside with a reason, and their siblings come out', () => {
  const good = { from: '16505551234', id: 'wamid.good', timestamp: '1783000000' }
  const text = { ...good, type: 'text', text: { body: 'still here' } }
  const body = (fieldName: string, value: Record<string, unknown>): unknown => ({
    object: 'whatsapp_business_account',
    entry: [
      { id: '1', changes: [{ field: fieldName, value: { metadata: { phone_number_id: '2' }, ...value } }] },
    ],
  })
  const read = (fieldName: string, value: Record<string, unknown>): Parsed =>
    parseDelivery({ settings: { phoneNumberId: '2', wabaId: '1' } }, body(fieldName, value), receivedAt)

  test.each([
    [null, 'an element of messages is not an object'],
    ['text', 'an element of messages is not an object'],
    [[], 'an element of messages is not an object'],
    [{ ...text, id: undefined }, 'a message without an id'],
    [{ ...text, id: '' }, 'a message without an id'],
    [{ ...text, from: undefined }, 'a message without a sender'],
    [{ ...good, type: 'reaction', reaction: {} }, 'a reaction without the message that it is about'],
    [{ ...good, type: 'edit', edit: {} }, 'an edit without its original or its content'],
    [
      { ...good, type: 'edit', edit: { original_message_id: 'w', message: { type: 'text' } } },
      'an edit whose content is not readable',
    ],
    [{ ...good, type: 'revoke' }, 'a deletion without the message that it is about'],
    [{ ...good, type: 'system' }, 'a system message without its kind'],
    [
      { ...good, type: 'system', system: { type: 'user_changed_number' } },
      'a changed number without the new number',
    ],
    [
      { ...good, type: 'system', system: { type: 'user_changed_user_id' } },
      'a changed user id without the new id',
    ],
  ])('%j', (bad, reason) => {
    const parsed = read('messages', { messages: [bad, text] })
    expect(parsed.items).toMatchObject([{ providerMessageId: 'wamid.good', text: 'still here' }])
    expect(parsed.poison).toEqual([{ reason, raw: JSON.parse(JSON.stringify(bad)) as unknown }])
  })

  test.each([
    ['messages', { statuses: [{ status: 'read' }] }, 'a status without a message id'],
    ['messages', { statuses: [{ id: 'wamid.1' }] }, 'a status that does not say which'],
    ['messages', { messages: { 0: text } }, 'messages is not a list'],
    ['smb_message_echoes', { message_echoes: [text] }, 'an echo without a recipient'],
    [
      'history',
      { history: [{ threads: [{ messages: [{ type: 'text' }] }] }] },
      'an imported message that does not say with whom',
    ],
    [
      'smb_app_state_sync',
      { state_sync: [{ type: 'contact', action: 'add' }] },
      'a contact of the address book without a number',
    ],
    [
      'smb_app_state_sync',
      { state_sync: [{ type: 'contact', contact: { phone_number: '16505551234' } }] },
      'an address book change that is neither add nor remove',
    ],
    [
      'user_preferences',
      { user_preferences: [{ category: 'marketing_messages', value: 'perhaps', wa_id: '16505551234' }] },
      'a marketing preference that is neither stop, resume nor signup',
    ],
    [
      'user_preferences',
      { user_preferences: [{ category: 'marketing_messages', value: 'stop' }] },
      'a marketing preference without a person',
    ],
    [
      'user_id_update',
      { user_id_update: [{ wa_id: '16505551234' }] },
      'a user id update without the current id',
    ],
    ['calls', { calls: [{ event: 'connect' }] }, 'a call without an id'],
    ['calls', { calls: [{ event: 'connect', id: 'wacid.1' }] }, 'a call without the other side'],
    ['message_template_status_update', { event: 'APPROVED' }, 'a template update without the template'],
    ['message_template_status_update', { message_template_id: 1 }, 'a template update without an event'],
    ['account_update', {}, 'an account update without event'],
  ])('%s %j', (fieldName, value, reason) => {
    const parsed = read(fieldName, value)
    expect(parsed.items).toEqual([])
    expect(parsed.poison).toMatchObject([{ reason }])
  })

  test('text that the database would refuse is cleaned wherever it stands', () => {
    const odd = 'a\0b\ud800'
    const parsed = read('messages', {
      contacts: [{ wa_id: '16505551234', profile: { name: odd, username: odd } }],
      messages: [
        { ...text, text: { body: odd } },
        { ...good, id: 'wamid.2', type: odd, [odd]: odd },
        {
          ...good,
          id: odd,
          type: 'interactive',
          interactive: { type: 'nfm_reply', nfm_reply: { response_json: odd } },
        },
        odd,
      ],
    })
    const everything = JSON.stringify(parsed)
    expect(parsed.items).toHaveLength(3)
    expect(everything).not.toContain('\\u0000')
    expect(everything).not.toContain('\\ud800')
  })
})

/** Every place in a JSON value, as a path. */
function pathsOf(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [path]
  const inner = Object.entries(value).flatMap(([key, item]) =>
    pathsOf(item, [...path, Array.isArray(value) ? Number(key) : key]),
  )
  return [path, ...inner]
}

function withChange(value: unknown, path: readonly (string | number)[], replacement: unknown): unknown {
  const [key, ...rest] = path
  if (key === undefined) return replacement
  if (typeof value !== 'object' || value === null) return value
  const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string | number, unknown>
  if (rest.length === 0 && replacement === undefined) delete copy[key]
  else copy[key] = withChange(copy[key], rest, replacement)
  return copy
}

describe('mutated deliveries', () => {
  const bodies = names.map((name) => ({ name, body: fixture(name), paths: pathsOf(fixture(name)) }))
  const replacement = fc.constantFrom(
    undefined,
    null,
    0,
    -1,
    1e300,
    '',
    'a\0b\ud800',
    [],
    {},
    [null],
    [[{}]],
    { id: {} },
    true,
    JSON.parse('{"__proto__": 1}'),
  )
  const mutation = fc.record({
    which: fc.nat(bodies.length - 1),
    changes: fc.array(fc.record({ where: fc.nat(), what: replacement }), { minLength: 1, maxLength: 4 }),
  })

  test('never throw, never come out for another number, and are always storable', () => {
    fc.assert(
      fc.property(mutation, ({ which, changes }) => {
        const source = bodies[which]
        if (source === undefined) return
        const body = changes.reduce<unknown>((current, { where, what }) => {
          const path = source.paths[where % source.paths.length] ?? []
          return withChange(current, path, what)
        }, source.body)
        const parsed = parseDelivery(channelOf(source.body), body, receivedAt)
        const stored = JSON.stringify(parsed)
        expect(stored).not.toContain('\\u0000')
        expect(stored).not.toMatch(/\\ud[89a-f]/)
        for (const item of parsed.items) expect(Number.isNaN(item.at.getTime())).toBe(false)
        const stranger = { settings: { phoneNumberId: '555', wabaId: '777', displayPhoneNumber: '888' } }
        expect(parseDelivery(stranger, body, receivedAt).items).toEqual([])
        routesOf(body)
      }),
      { numRuns: 3_000 },
    )
  })
})
