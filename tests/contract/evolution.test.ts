import { evolution } from '../../src/providers/evolution/adapter.ts'
import { type ProviderUnderTest, providerSuite } from './provider-suite.ts'

const instance = 'atendimento-01'
const jid = '5511999990001@s.whatsapp.net'

function envelope(event: string, data: unknown, name = instance): unknown {
  return {
    event,
    instance: name,
    data,
    date_time: '2026-07-01T09:00:00.000Z',
    sender: '5511988880000@s.whatsapp.net',
    apikey: null,
  }
}

function message(id: string, at: Date, content: unknown): unknown {
  return {
    key: { remoteJid: jid, remoteJidAlt: '201122334455667@lid', fromMe: false, id, addressingMode: 'pn' },
    pushName: 'Maria Souza',
    status: 'DELIVERY_ACK',
    message: content,
    messageTimestamp: Math.floor(at.getTime() / 1_000),
  }
}

const error = (status: number, words: unknown) => ({
  status,
  json: { status, error: 'Bad Request', response: { message: words } },
})

const provider: ProviderUnderTest = {
  adapter: evolution,
  channel: (server) => ({
    id: '0197b6e0-0000-7000-8000-00000000c0de',
    provider: 'evolution',
    settings: { instanceName: instance, baseUrl: server.url },
    secrets: { apiKey: 'evo-key-5f1d9a', webhookSecret: 'evo-hook-77ab31' },
  }),
  customer: [
    { kind: 'wa_id', value: '5511999990001' },
    { kind: 'phone', value: '5511999990001' },
    { kind: 'lid', value: '201122334455667' },
  ],
  unaddressable: [
    { kind: 'bsuid', value: 'BR.1234' },
    { kind: 'username', value: 'maria' },
  ],
  webhooks: {
    text: ({ id, text, at }) => envelope('messages.upsert', message(id, at, { conversation: text })),
    delivered: ({ id }) =>
      envelope('messages.update', { keyId: id, remoteJid: jid, fromMe: true, status: 'DELIVERY_ACK' }),
    unknownType: ({ id, at }) =>
      envelope('messages.upsert', message(id, at, { hologramMessage: { depth: 3, caption: 'look' } })),
    poisonBesideText: ({ id, text, at }) =>
      envelope('messages.upsert', [{ key: { fromMe: false } }, message(id, at, { conversation: text })]),
    otherNumber: ({ id, text, at }) =>
      envelope('messages.upsert', message(id, at, { conversation: text }), 'another-instance'),
    image: ({ id, at }) =>
      envelope(
        'messages.upsert',
        message(id, at, {
          imageMessage: { mimetype: 'image/jpeg', directPath: '/v/1.enc', mediaKey: 'AQI=' },
        }),
      ),
  },
  server: {
    accept: (server, providerMessageId) =>
      server.always({
        path: /^\/message\//,
        answer: {
          status: 201,
          json: { key: { remoteJid: jid, fromMe: true, id: providerMessageId }, status: 'PENDING' },
        },
      }),
    refuse: (server) => server.always({ answer: error(400, [['instance requires property "text"']]) }),
    busy: (server, retryAfterSeconds) =>
      server.always({ answer: { status: 429, headers: { 'retry-after': String(retryAfterSeconds) } } }),
    unauthorized: (server) => server.always({ answer: error(401, 'Unauthorized') }),
    serveFile: (server, bytes, mimeType) =>
      server.always({
        path: `/chat/getBase64FromMediaMessage/${instance}`,
        answer: {
          status: 201,
          json: {
            mediaType: 'imageMessage',
            mimetype: mimeType,
            base64: Buffer.from(bytes).toString('base64'),
          },
        },
      }),
    fileGone: (server) => server.always({ answer: error(400, ['Message not found']) }),
    connected: (server) =>
      server.always({
        path: `/instance/connectionState/${instance}`,
        answer: { json: { instance: { instanceName: instance, state: 'open' } } },
      }),
    isSend: (request) => request.method === 'POST' && request.path.startsWith('/message/'),
  },
}

providerSuite('evolution', provider)
