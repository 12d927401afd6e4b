import { whatsappCloud } from '../../src/providers/whatsapp-cloud/adapter.ts'
import { pathOf } from '../harness/provider-stand-in.ts'
import { providerSuite } from './provider-suite.ts'

const phoneNumberId = '106540352242922'
const from = '16505551234'
const seconds = (at: Date) => String(at.getTime() / 1_000)

function body(value: Record<string, unknown>, id = phoneNumberId): unknown {
  return {
    object: 'whatsapp_business_account',
    entry: [
      {
        id: '102290129340398',
        changes: [
          {
            field: 'messages',
            value: {
              messaging_product: 'whatsapp',
              metadata: { display_phone_number: '15550783881', phone_number_id: id },
              contacts: [{ profile: { name: 'Sheena Nelson' }, wa_id: from }],
              ...value,
            },
          },
        ],
      },
    ],
  }
}
const text = (part: { id: string; text: string; at: Date }) => ({
  from,
  id: part.id,
  timestamp: seconds(part.at),
  type: 'text',
  text: { body: part.text },
})
const graphError = (status: number, code: number, message: string) => ({
  status,
  json: {
    error: { message: `(#${code}) ${message}`, type: 'OAuthException', code, fbtrace_id: 'Az8or2yhqkZ' },
  },
})

providerSuite('whatsapp-cloud', {
  adapter: whatsappCloud,
  channel: () => ({
    id: '0197b6e0-0000-7000-8000-00000000c002',
    provider: 'whatsapp-cloud',
    settings: { phoneNumberId, wabaId: '102290129340398', displayPhoneNumber: '+1 555-078-3881' },
    secrets: {
      accessToken: 'EAAG-secret-token',
      appSecret: 'the-app-secret',
      verifyToken: 'the-verify-token',
    },
  }),
  customer: [
    { kind: 'wa_id', value: from },
    { kind: 'phone', value: from },
  ],
  unaddressable: [{ kind: 'username', value: 'realsheenanelson' }],
  webhooks: {
    text: (part) => body({ messages: [text(part)] }),
    delivered: ({ id, at }) =>
      body({ statuses: [{ id, status: 'delivered', timestamp: seconds(at), recipient_id: from }] }),
    unknownType: ({ id, at }) =>
      body({ messages: [{ from, id, timestamp: seconds(at), type: 'hologram', hologram: { beam: 1 } }] }),
    poisonBesideText: (part) => body({ messages: [{ from, type: 'text' }, text(part)] }),
    otherNumber: (part) => body({ messages: [text(part)] }, '107777777777777'),
    image: ({ id, at }) =>
      body({
        messages: [
          {
            from,
            id,
            timestamp: seconds(at),
            type: 'image',
            image: { id: '37543291', mime_type: 'image/jpeg' },
          },
        ],
      }),
  },
  server: {
    accept(server, id) {
      server.always({
        method: 'POST',
        path: `/${phoneNumberId}/media`,
        answer: { json: { id: '1037543291543636' } },
      })
      server.always({
        method: 'POST',
        path: `/${phoneNumberId}/messages`,
        answer: { json: { messaging_product: 'whatsapp', contacts: [], messages: [{ id }] } },
      })
    },
    refuse: (server) => server.always({ answer: graphError(400, 131026, 'Message undeliverable') }),
    busy: (server, retryAfter) =>
      server.always({
        answer: {
          ...graphError(400, 130429, 'Rate limit hit'),
          headers: { 'retry-after': String(retryAfter) },
        },
      }),
    unauthorized: (server) =>
      server.always({ answer: graphError(401, 190, 'Error validating access token') }),
    serveFile(server, bytes, mimeType) {
      const url = `${server.url}/download/37543291`
      server.always({ path: '/37543291', answer: { json: { url, mime_type: mimeType, id: '37543291' } } })
      server.always({ path: '/download/37543291', answer: { bytes, headers: { 'content-type': mimeType } } })
    },
    fileGone: (server) =>
      server.always({
        answer: {
          status: 400,
          json: { error: { message: 'Unsupported get request.', code: 100, error_subcode: 33 } },
        },
      }),
    connected: (server) =>
      server.always({
        path: `/${phoneNumberId}`,
        answer: { json: { id: phoneNumberId, status: 'CONNECTED' } },
      }),
    isSend: (request) => request.method === 'POST' && pathOf(`http://x${request.path}`).endsWith('/messages'),
  },
})
