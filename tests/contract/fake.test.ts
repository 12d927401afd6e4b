import { fake } from '../../src/providers/fake/adapter.ts'
import { providerSuite } from './provider-suite.ts'

const number = '15550783881'
const from = '16505551234'
const textPart = (part: { id: string; text: string; at: Date }) => ({
  kind: 'message',
  id: part.id,
  from,
  at: part.at.toISOString(),
  type: 'text',
  text: part.text,
})

providerSuite('fake', {
  adapter: fake,
  channel: (server) => ({
    id: '0197b6e0-0000-7000-8000-00000000c001',
    provider: 'fake',
    settings: { number, baseUrl: server.url },
    secrets: { apiKey: 'fake-secret-key' },
  }),
  customer: [{ kind: 'phone', value: from }],
  unaddressable: [{ kind: 'lid', value: '123456789' }],
  webhooks: {
    text: (part) => ({ number, parts: [textPart(part)] }),
    delivered: ({ id, at }) => ({
      number,
      parts: [{ kind: 'status', id, at: at.toISOString(), status: 'delivered' }],
    }),
    unknownType: ({ id, at }) => ({
      number,
      parts: [{ kind: 'message', id, from, at: at.toISOString(), type: 'hologram' }],
    }),
    poisonBesideText: (part) => ({ number, parts: [{ kind: 'message', from }, textPart(part)] }),
    otherNumber: (part) => ({ number: '19999999999', parts: [textPart(part)] }),
    image: ({ id, at }) => ({
      number,
      parts: [
        {
          kind: 'message',
          id,
          from,
          at: at.toISOString(),
          type: 'image',
          file: { id: 'f1', mimeType: 'image/gif' },
        },
      ],
    }),
  },
  server: {
    accept(server, id) {
      server.always({ method: 'POST', path: '/files', answer: { status: 201, json: { id: 'f2' } } })
      server.always({ method: 'POST', path: '/messages', answer: { status: 201, json: { id } } })
    },
    refuse: (server) =>
      server.always({
        answer: { status: 422, json: { code: 'bad_number', title: 'There is no such number' } },
      }),
    busy: (server, seconds) =>
      server.always({ answer: { status: 429, headers: { 'retry-after': String(seconds) }, json: {} } }),
    unauthorized: (server) => server.always({ answer: { status: 401, json: { code: 'bad_key' } } }),
    serveFile: (server, bytes, mimeType) =>
      server.always({ path: '/files/f1', answer: { bytes, headers: { 'content-type': mimeType } } }),
    fileGone: (server) => server.always({ path: '/files/f1', answer: { status: 404 } }),
    connected: (server) =>
      server.always({ path: `/numbers/${number}`, answer: { json: { status: 'connected' } } }),
    isSend: (request) => request.method === 'POST' && request.path === '/messages',
  },
})
