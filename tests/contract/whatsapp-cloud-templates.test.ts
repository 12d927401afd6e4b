import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { ProviderChannel, TemplatePage } from '../../src/providers/port.ts'
import { whatsappCloud } from '../../src/providers/whatsapp-cloud/adapter.ts'
import {
  type StandIn,
  type StandInAnswer,
  type StandInPair,
  startStandIn,
} from '../harness/provider-stand-in.ts'
import { standInIo } from './provider-suite.ts'

const channel: ProviderChannel = {
  id: '0197b6e0-0000-7000-8000-00000000c002',
  provider: 'whatsapp-cloud',
  settings: { phoneNumberId: '106540352242922', wabaId: '102290129340398' },
  secrets: { accessToken: 'EAAG-secret-token' },
}
const path = '/102290129340398/message_templates'

function list(server: StandIn, after: string | null = null, timeoutMs = 5000): Promise<TemplatePage> {
  const ask = whatsappCloud.listTemplates?.(channel, standInIo(server, { timeoutMs }), after)
  if (!ask) throw new Error('the adapter lists no templates')
  return ask
}

describe('the list of templates', () => {
  test('cloud-templates-list: everything that is shown and filled in, and where the list goes on', async () => {
    await using server = await startStandIn()
    const pair = JSON.parse(
      readFileSync(new URL('../fixtures/whatsapp/send/cloud-templates-list.json', import.meta.url), 'utf8'),
    ) as StandInPair
    server.always({ path, answer: { json: pair.response.body } })
    const page = await list(server)
    expect(page).toMatchObject({
      kind: 'page',
      unreadable: 0,
      next: 'MjQZD',
      templates: [
        {
          providerTemplateId: '1689556908129832',
          name: 'order_confirmation',
          language: 'en_US',
          status: 'APPROVED',
          category: 'UTILITY',
          quality: 'GREEN',
          detail: { parameterFormat: 'POSITIONAL' },
          components: [
            { type: 'HEADER', format: 'TEXT', text: 'Order confirmed' },
            { type: 'BODY', text: 'Thank you, {{1}}! Your order number is {{2}}.' },
            { type: 'FOOTER' },
            { type: 'BUTTONS', buttons: [{ type: 'PHONE_NUMBER' }, { type: 'URL' }] },
          ],
        },
        { name: 'abandoned_cart', language: 'en', status: 'REJECTED', reason: 'INVALID_FORMAT' },
      ],
    })
    const [request] = server.requests
    expect(request?.headers.authorization).toBe('Bearer EAAG-secret-token')
    const query = new URL(`http://x${request?.path}`).searchParams
    expect(query.get('fields')?.split(',')).toEqual(
      expect.arrayContaining(['id', 'components', 'quality_score']),
    )
    expect(query.get('after')).toBeNull()
  })

  test('a page goes on where the last one ended, and the last one says so', async () => {
    await using server = await startStandIn()
    server.always({ path, answer: { json: { data: [], paging: { cursors: { after: 'a b' } } } } })
    expect(await list(server, 'x&y=z')).toEqual({ kind: 'page', templates: [], unreadable: 0, next: null })
    expect(new URL(`http://x${server.requests[0]?.path}`).searchParams.get('after')).toBe('x&y=z')
  })

  test.each([
    ['the same cursor again', { cursors: { after: 'here' }, next: 'https://graph.facebook.com/more' }],
    ['no cursor', { next: 'https://graph.facebook.com/more' }],
    ['an endless one', { cursors: { after: 'x'.repeat(1001) }, next: 'https://graph.facebook.com/more' }],
  ])('a list that goes on with %s is one of which not everything was read', async (_, paging) => {
    await using server = await startStandIn()
    server.always({ path, answer: { json: { data: [], paging } } })
    expect(await list(server, 'here')).toMatchObject({ next: null, unreadable: 1 })
  })

  test('entries that make no sense are counted, and their neighbours read', async () => {
    await using server = await startStandIn()
    const good = { id: 5, name: 'fine', language: 'en-US', rejected_reason: 'NONE', components: 'none' }
    const data = [null, 'text', { id: '1', name: 'no language' }, { name: 'no id', language: 'en' }, good]
    server.always({ path, answer: { json: { data } } })
    expect(await list(server)).toEqual({
      kind: 'page',
      unreadable: 4,
      next: null,
      templates: [{ providerTemplateId: '5', name: 'fine', language: 'en_US', components: [], detail: {} }],
    })
  })

  const refusal = (code: number, status: number): StandInAnswer => ({
    status,
    json: { error: { code, message: 'no' } },
  })
  test.each<[string, StandInAnswer, string]>([
    ['a token that ended', refusal(190, 401), 'refused'],
    ['a missing permission', refusal(200, 403), 'refused'],
    ['too many calls', refusal(80008, 400), 'later'],
    ['too many requests', { status: 429, headers: { 'retry-after': '90' } }, 'later'],
    ['a server that fails', { status: 500, text: 'no' }, 'later'],
    ['an answer that is no list', { json: { data: { not: 'a list' } } }, 'later'],
    ['an answer that is no JSON', { text: '<html>' }, 'later'],
    ['a line that breaks', { fault: 'reset-mid-body', json: { data: [] } }, 'later'],
    ['silence', { fault: 'stall' }, 'later'],
  ])('%s', async (_, answer, kind) => {
    await using server = await startStandIn()
    server.always({ path, answer })
    const page = await list(server, null, 400)
    expect(page.kind).toBe(kind)
    if (page.kind === 'later') expect(page.afterMs).toBeGreaterThan(0)
    expect(JSON.stringify(page)).not.toContain('EAAG')
  })

  test('a channel without a token asks nobody', async () => {
    await using server = await startStandIn()
    const page = await whatsappCloud.listTemplates?.({ ...channel, secrets: {} }, standInIo(server), null)
    expect(page).toMatchObject({ kind: 'refused' })
    expect(server.requests).toHaveLength(0)
  })
})
