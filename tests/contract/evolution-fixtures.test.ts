import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { evolution } from '../../src/providers/evolution/adapter.ts'
import type { Parsed } from '../../src/providers/inbound.ts'

const folder = join(import.meta.dirname, '../fixtures/whatsapp/evolution')
const receivedAt = new Date('2026-07-02T16:00:00.000Z')

const pn = (digits: string) => [
  { kind: 'wa_id', value: digits },
  { kind: 'phone', value: digits },
]
const lid = (digits: string) => ({ kind: 'lid', value: digits })
const maria = [...pn('5511999990001'), lid('201122334455667')]
const mariaByNumber = pn('5511999990001')
const group = [{ kind: 'group', value: '120363041967849074@g.us' }]

/** Parses a fixture as a delivery to the instance that it names. */
function parsed(file: string): Parsed {
  const body = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { instance?: string }
  return evolution.parse({ settings: { instanceName: body.instance ?? 'atendimento-01' } }, body, receivedAt)
}

/** A live message of the customer, unless the row says otherwise. */
const inbound = (type: string, text: string | null, more: Record<string, unknown> = {}) => [
  {
    kind: 'message',
    direction: 'in',
    origin: 'live',
    opensWindow: true,
    chat: { identities: maria, name: 'Maria Souza' },
    type,
    text,
    payload: {},
    ...more,
  },
]
const media = (mimeType: string, sizeBytes: number, more: Record<string, unknown> = {}) => ({
  mimeType,
  sizeBytes,
  sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  ref: { key: { id: expect.any(String), fromMe: false }, message: expect.any(Object) },
  ...more,
})
const byNumber = { chat: { identities: mariaByNumber, name: 'Maria Souza' } }
const replyTo = (providerMessageId: string) => ({ replyTo: { providerMessageId } })
const status = (word: string, more: Record<string, unknown> = {}) => [
  { kind: 'status', providerMessageId: '3EB0374FE782C51F1D91FF', status: word, ...more },
]
const channel = (
  state: string | undefined,
  health: Record<string, unknown>,
  more: Record<string, unknown> = {},
) => [{ kind: 'channel', ...(state === undefined ? {} : { status: state }), health, ...more }]
const ignored = (why: RegExp) => ({ ignored: [expect.stringMatching(why)] })
const noCode = { qr: null, pairingCode: null }
const contact = (name: string) => ({ name, phones: [{ phone: expect.stringMatching(/^\+55/) }] })

/** Every fixture and what must come of it: items as far as they matter, or the reason why nothing does. */
const expected: Record<string, object[] | { ignored: unknown[] }> = {
  'call-offer.json': [
    {
      kind: 'message',
      type: 'call',
      direction: 'in',
      providerMessageId: '7EDB360F06ACAEF2CC80DBA16CF563F1',
      at: new Date('2026-07-02T18:40:00.000Z'),
      chat: { identities: [lid('201122334455667')] },
      text: 'Incoming voice call',
      payload: { event: 'offer', direction: 'in', callId: '7EDB360F06ACAEF2CC80DBA16CF563F1' },
      opensWindow: false,
    },
  ],
  'call-terminate.json': [
    {
      kind: 'message',
      type: 'call',
      providerMessageId: '7EDB360F06ACAEF2CC80DBA16CF563F1:end',
      chat: { identities: mariaByNumber },
      payload: { event: 'terminate' },
    },
  ],
  'chats-delete.json': ignored(/chats\.delete/),
  'chats-set-2.4.0-rc2.json': ignored(/chats\.set/),
  'chats-set.json': ignored(/chats\.set/),
  'chats-update.json': ignored(/chats\.update/),
  'chats-upsert-new.json': ignored(/chats\.upsert/),
  'chats-upsert-read.json': ignored(/chats\.upsert/),
  'chats-upsert-rename.json': ignored(/chats\.upsert/),
  'connection-update-close-logged-out.json': channel(
    'disconnected',
    { state: 'close', statusReason: 401, ...noCode },
    { reason: expect.stringContaining('logged out') },
  ),
  'connection-update-connecting.json': channel('connecting', { state: 'connecting' }),
  'connection-update-open.json': channel('connected', {
    state: 'open',
    number: '5511988880000',
    profileName: 'Loja Exemplo',
    ...noCode,
  }),
  'connection-update-refused.json': channel(
    'disconnected',
    { state: 'refused', ...noCode },
    { reason: expect.stringContaining('QR') },
  ),
  'contacts-update-array-group.json': [
    {
      kind: 'contact',
      person: { identities: group, name: 'Nome do Grupo' },
      pictureUrl: 'https://pps.whatsapp.net/v/t61.24694-24/1_2_n.jpg',
    },
  ],
  'contacts-upsert-array.json': [
    { kind: 'contact', person: { identities: pn('5581900000001'), name: 'Nome do Contato' } },
  ],
  'contacts-upsert-object.json': [
    { kind: 'contact', person: { identities: [lid('201122334455667')], name: 'Maria Souza' } },
  ],
  'error-event.json': ignored(/error report/),
  'group-participants-update-add.json': [
    {
      kind: 'identity',
      person: { identities: group },
      join: [],
      leave: [],
      text: 'Maria Souza joined the group',
      payload: { event: 'group_add', participants: [{ identities: maria, name: 'Maria Souza' }] },
      opensWindow: false,
    },
  ],
  'groups-update-subject.json': [
    { kind: 'contact', person: { identities: group, name: 'Clientes VIP 2026' } },
  ],
  'groups-upsert.json': [{ kind: 'contact', person: { identities: group, name: 'Clientes VIP' } }],
  'instance-create.json': ignored(/instance\.create/),
  'labels-association-add.json': ignored(/labels\.association/),
  'labels-edit.json': ignored(/labels\.edit/),
  'logout-instance.json': channel('disconnected', noCode, { reason: expect.stringContaining('logged out') }),
  'messages-delete-own.json': [{ kind: 'revoke', targetProviderMessageId: '3EB0374FE782C51F1D91FF' }],
  'messages-delete-remote-2.3.6.json': [
    {
      kind: 'revoke',
      targetProviderMessageId: '0012A3FA000C5DC26EE658C3C58E12CE',
      chat: { identities: mariaByNumber },
    },
  ],
  'messages-delete-remote-2.3.7.json': [
    {
      kind: 'revoke',
      targetProviderMessageId: '0012A3FA000C5DC26EE658C3C58E12CE',
      chat: { identities: maria },
    },
  ],
  'messages-edited-2.2.3.json': [
    {
      kind: 'edit',
      targetProviderMessageId: 'E925A9673BA41BDE6F0011223344556C',
      text: 'texto editado',
      at: new Date(1_747_650_000_000),
    },
  ],
  'messages-edited-ephemeral-setting.json': ignored(/neither an edit nor a deletion/),
  'messages-edited-revoke.json': [
    { kind: 'revoke', targetProviderMessageId: '0012A3FA000C5DC26EE658C3C58E12CE' },
  ],
  'messages-edited.json': [
    {
      kind: 'edit',
      targetProviderMessageId: 'D0F631CA1DDBA8DB3BCFCB9E057CDC98',
      text: 'Bom dia, vocês têm vaga para terça-feira?',
      type: 'text',
    },
  ],
  'messages-set-history.json': [
    {
      kind: 'message',
      origin: 'history',
      direction: 'in',
      text: 'mensagem antiga 1',
      opensWindow: false,
      at: new Date(1_782_141_612_000),
    },
    {
      kind: 'message',
      origin: 'history',
      direction: 'out',
      type: 'image',
      status: 'read',
      opensWindow: false,
    },
  ],
  'messages-update-deleted-edit-2.3.x.json': ignored(/no delivery status/),
  'messages-update-delivery-ack.json': status('delivered'),
  'messages-update-edit-2.3.7.json': [
    {
      kind: 'edit',
      targetProviderMessageId: 'D0F631CA1DDBA8DB3BCFCB9E057CDC98',
      text: 'Bom dia, vocês têm vaga para terça-feira?',
    },
  ],
  'messages-update-error.json': status('failed', { error: { retryable: true } }),
  'messages-update-lid.json': status('delivered', { recipient: { identities: [lid('201122334455667')] } }),
  'messages-update-no-status-2.2.3.json': ignored(/no delivery status/),
  'messages-update-played.json': status('played'),
  'messages-update-read-2.3.x.json': ignored(/read on the phone/),
  'messages-update-read.json': status('read'),
  'messages-update-server-ack.json': status('sent'),
  'messages-upsert-ad-referral.json': inbound(
    'text',
    'Olá! Tenho interesse e queria mais informações, por favor.',
    {
      chat: { identities: maria, name: 'Cliente Anúncio' },
      payload: {
        referral: {
          sourceType: 'ad',
          sourceId: '120226305854810726',
          sourceUrl: 'https://fb.me/3cr4Wqqkv',
          headline: 'Converse conosco',
          body: 'Plano anual com 20% de desconto',
          mediaType: 'image',
          clickId: 'Aff-n8ZTODiE79d22KtAwQKj9e_mIEOOj27vDVwFjN80dp4_0NiNhEgpGo0AHemv',
        },
      },
    },
  ),
  'messages-upsert-album.json': ignored(/album/),
  'messages-upsert-audio-file.json': inbound('audio', null, {
    media: media('audio/mpeg', 3_145_728),
    payload: { seconds: 196 },
  }),
  'messages-upsert-audio-ptt-transcribed.json': inbound('voice', null, {
    payload: { transcript: 'quero remarcar para quinta', seconds: 8 },
    media: media('audio/ogg', 22_100),
  }),
  'messages-upsert-audio-ptt.json': inbound('voice', null, {
    media: media('audio/ogg', 41_589, { inlineBase64: expect.stringMatching(/^T2dn/) }),
    payload: { seconds: 19 },
  }),
  'messages-upsert-buttons-response.json': inbound('button_reply', 'Confirmar', {
    payload: { id: 'confirmar', title: 'Confirmar' },
    ...replyTo('3EB05E73D6D7EDD38DAEAE'),
  }),
  'messages-upsert-contact.json': inbound('contacts', 'Oficina do Zé', {
    payload: {
      contacts: [
        {
          ...contact('Oficina do Zé'),
          phones: [{ phone: '+55 11 96666-0003', waId: '5511966660003', type: 'CELL' }],
        },
      ],
    },
  }),
  'messages-upsert-contacts-array.json': inbound('contacts', 'Ana, Bruno', {
    payload: {
      contacts: [
        contact('Ana'),
        { ...contact('Bruno'), phones: [{ phone: '+55 11 3333-0005', type: 'Trabalho' }] },
      ],
    },
  }),
  'messages-upsert-conversation-1.8-owner.json': inbound('text', 'mensagem de texto', byNumber),
  'messages-upsert-conversation-2.4.0-rc2.json': inbound('text', 'Boa tarde'),
  'messages-upsert-conversation-lid-swapped-2.3.7.json': inbound('text', 'Oi', byNumber),
  'messages-upsert-conversation.json': inbound('text', 'Bom dia, vocês têm vaga para segunda-feira? 😀', {
    providerMessageId: 'D0F631CA1DDBA8DB3BCFCB9E057CDC98',
    at: new Date(1_783_000_061_000),
  }),
  'messages-upsert-document-caption-rewritten.json': inbound('document', 'Segue a planilha atualizada', {
    media: media('application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', 40_960, {
      fileName: 'planilha.xlsx',
    }),
  }),
  'messages-upsert-document-with-caption-wrapper.json': inbound('document', 'boleto vencido', {
    ...byNumber,
    media: media('application/pdf', 51_200, { fileName: 'boleto.pdf' }),
  }),
  'messages-upsert-document.json': inbound('document', null, {
    media: media('application/pdf', 182_233, { fileName: 'contrato.pdf' }),
  }),
  'messages-upsert-ephemeral-image.json': inbound('image', 'some em 24h', {
    media: media('image/jpeg', 60_210),
  }),
  'messages-upsert-ephemeral-text.json': inbound('text', 'mensagem temporária'),
  'messages-upsert-extended-text-2.1.x.json': inbound('text', 'Perfeito, obrigada!', {
    ...byNumber,
    ...replyTo('3EB0BEE98BF120E8906382'),
  }),
  'messages-upsert-extended-text-link-preview.json': inbound('text', 'olha https://example.com/produto'),
  'messages-upsert-from-me-phone.json': [
    {
      kind: 'message',
      direction: 'out',
      origin: 'echo',
      status: 'sent',
      text: 'Já te respondo!',
      chat: { identities: maria },
      opensWindow: false,
    },
  ],
  'messages-upsert-group-invite.json': inbound('text', 'Entre no grupo\nClientes VIP', {
    payload: {
      groupInvite: { group: '120363041967849074@g.us', name: 'Clientes VIP', code: 'Qx1Zx8Yw2Vk3' },
    },
  }),
  'messages-upsert-group-mention-reply.json': inbound('text', '@5511988880000 consegue ajudar?', {
    chat: { identities: group },
    sender: { identities: maria, name: 'Maria Souza' },
    payload: { mentions: ['5511988880000'], participant: { identities: maria, name: 'Maria Souza' } },
    ...replyTo('7104CAE00D98F78CE59F6286749E5C2A'),
  }),
  'messages-upsert-group-text.json': inbound('text', 'Alguém tem o contato do suporte?', {
    chat: { identities: group },
    sender: { identities: [...pn('5521977770002'), lid('119988776655443')], name: 'João Lima' },
    payload: { participant: { name: 'João Lima' } },
  }),
  'messages-upsert-image-base64.json': inbound('image', 'Foto do produto com defeito', {
    media: media('image/jpeg', 52_046, { inlineBase64: expect.stringMatching(/^\/9j\//) }),
  }),
  'messages-upsert-image-dialect-a-2.2.3.json': inbound('image', 'print da tela', {
    ...byNumber,
    media: media('image/png', 330_122, {
      sha256: Buffer.from('F/WPIuTj2TEpiG+61QJ4v86Og+HW2AYaO2xJtsIyg6M=', 'base64').toString('hex'),
    }),
  }),
  'messages-upsert-image-dialect-c-2.3.5.json': inbound('image', 'nota fiscal', {
    media: media('image/jpeg', 120_345),
  }),
  'messages-upsert-image-mediaurl-s3.json': inbound('image', 'comprovante', {
    media: media('image/jpeg', 91_822, {
      ref: { mediaUrl: expect.stringMatching(/^https:\/\/s3\.example\.com\//) },
    }),
  }),
  'messages-upsert-image-no-base64.json': inbound('image', null, { media: media('image/jpeg', 184_233) }),
  'messages-upsert-image-reply-2.4.0-rc2.json': inbound('image', 'esta peça', {
    ...replyTo('3EB0C75DE8C1B7C3AE5252'),
    media: media('image/jpeg', 70_021),
  }),
  'messages-upsert-interactive-response.json': inbound('flow_reply', 'Enviado', {
    payload: { name: 'flow', data: { flow_token: 'unused', nome: 'Maria' }, flowToken: 'unused' },
    ...replyTo('3EB0935F68319D4F227E02'),
  }),
  'messages-upsert-lid-only-2.2.3.json': inbound(
    'text',
    'Vou pensar e retorno. Muito obrigada por enquanto!',
    {
      chat: { identities: [lid('103899000998284')], name: 'Heloísa L.' },
      opensWindow: false,
    },
  ),
  'messages-upsert-lid-only-short-2.2.3.json': inbound('text', 'Oi', {
    chat: { identities: [lid('13718')], name: 'Rodrigo' },
    opensWindow: false,
  }),
  'messages-upsert-lid-swapped-2.3.2-previousRemoteJid.json': inbound('text', 'Oi, tudo bem?'),
  'messages-upsert-lid-with-alt-2.3.6.json': inbound('text', 'Segue meu pedido 1234'),
  'messages-upsert-list-response.json': inbound('list_reply', 'Segunda via de boleto', {
    payload: { id: 'boleto_2via', title: 'Segunda via de boleto', description: 'Receber por e-mail' },
    ...replyTo('3EB0C7B68AC37F364473E9'),
  }),
  'messages-upsert-live-location.json': inbound('location', 'chegando', {
    payload: { latitude: -23.5501, longitude: -46.6339, live: true, accuracyMeters: 21 },
  }),
  'messages-upsert-location-dialect-c-2.3.4.json': inbound('location', 'Cristo Redentor', {
    ...byNumber,
    payload: { latitude: -22.9519, longitude: -43.2105, name: 'Cristo Redentor' },
  }),
  'messages-upsert-location.json': inbound('location', 'MASP', {
    payload: { name: 'MASP', address: 'Av. Paulista, 1578 - Bela Vista, São Paulo' },
  }),
  'messages-upsert-newsletter.json': ignored(/newsletter/),
  'messages-upsert-order.json': inbound('order', 'Quero estes itens', {
    payload: { orderId: '7719283746501928', items: [], itemCount: 2, total: 159.9, currency: 'BRL' },
  }),
  'messages-upsert-own-template-echo.json': inbound('interactive', 'Seu código de rastreio é BR123', {
    chat: { identities: maria, name: 'Loja Exemplo' },
    payload: { kind: 'buttons', options: [{ id: 'ok', title: 'OK' }], footer: 'Loja Exemplo' },
  }),
  'messages-upsert-placeholder-otp.json': inbound(
    'system',
    expect.stringContaining('linked devices') as string,
    {
      chat: { identities: pn('551150390000') },
      payload: { event: 'placeholder' },
      opensWindow: false,
    },
  ),
  'messages-upsert-poll-creation.json': inbound('interactive', 'Qual o melhor horário?', {
    payload: { kind: 'poll', options: ['Manhã', 'Tarde', 'Noite'], selectableCount: 1 },
  }),
  'messages-upsert-poll-vote.json': inbound('list_reply', 'Tarde', {
    payload: { kind: 'poll_vote', selected: ['Tarde'] },
    ...replyTo('3EB0707165E9984B51DCDF'),
  }),
  'messages-upsert-reaction-removed.json': [
    {
      kind: 'reaction',
      emoji: null,
      targetProviderMessageId: '3EB0C75DE8C1B7C3AE5252',
      direction: 'in',
      chat: { identities: maria },
    },
  ],
  'messages-upsert-reaction.json': [
    { kind: 'reaction', emoji: '❤️', targetProviderMessageId: '3EB0C75DE8C1B7C3AE5252', direction: 'in' },
  ],
  // 2.4 leaves the quote out of the payload altogether.
  'messages-upsert-reply-quote-lost-2.4.0-rc2.json': inbound('text', 'Sim, esse mesmo'),
  'messages-upsert-reply-rewritten-to-conversation.json': inbound('text', 'Sim, esse mesmo', {
    ...replyTo('3EB0C75DE8C1B7C3AE5252'),
  }),
  'messages-upsert-status-broadcast.json': ignored(/story/),
  'messages-upsert-sticker.json': inbound('sticker', null, { media: media('image/webp', 15_360) }),
  'messages-upsert-template-button-reply.json': inbound('button_reply', 'Parar promoções', {
    payload: { id: '1', title: 'Parar promoções', quickReply: true },
    ...replyTo('3EB07AA5AE9ECF82F6FC52'),
  }),
  'messages-upsert-unknown-type.json': ignored(/without content/),
  'messages-upsert-video-gif.json': inbound('video', null, {
    payload: { gif: true, seconds: 3 },
    media: media('video/mp4', 182_300),
  }),
  'messages-upsert-video-note-ptv.json': inbound('video', null, {
    payload: { roundVideo: true, seconds: 7 },
    media: media('video/mp4', 901_122),
  }),
  'messages-upsert-video.json': inbound('video', 'assim que ele faz barulho', {
    payload: { seconds: 16 },
    media: media('video/mp4', 2_797_968),
  }),
  'messages-upsert-view-once-v2-image.json': inbound('image', null, {
    payload: { viewOnce: true },
    media: media('image/jpeg', 70_333),
  }),
  'messaging-history-set-2.4.0-rc2.json': channel(undefined, {
    history: { messages: 1532, chats: 88, contacts: 240, progress: 100 },
  }),
  'presence-update-composing.json': [
    { kind: 'presence', state: 'composing', person: { identities: mariaByNumber } },
  ],
  'presence-update-unavailable.json': [
    { kind: 'presence', state: 'unavailable', person: { identities: [lid('201122334455667')] } },
  ],
  'qrcode-updated-limit.json': channel('disconnected', noCode, { reason: expect.stringContaining('limit') }),
  'qrcode-updated-pairing-code.json': channel('connecting', {
    qr: 'data:image/png;base64,iVBORw0KGgo=',
    pairingCode: 'K7QJ2M9X',
  }),
  'qrcode-updated.json': channel('connecting', {
    qr: expect.stringMatching(/^data:image\/png;base64,/),
    pairingCode: null,
  }),
  'remove-instance.json': channel('removed', noCode),
  'send-message-image.json': [
    {
      kind: 'message',
      direction: 'out',
      origin: 'echo',
      type: 'image',
      text: 'Nosso cardápio',
      providerMessageId: '3EB0375004E04C1D9968DB',
    },
  ],
  'send-message-text-with-contextinfo.json': [
    { kind: 'message', direction: 'out', origin: 'echo', text: 'Mensagem de campanha', payload: {} },
  ],
  'send-message-text.json': [
    {
      kind: 'message',
      direction: 'out',
      origin: 'echo',
      text: 'Olá Maria, temos vaga às 10h.',
      chat: { identities: mariaByNumber },
    },
  ],
  'send-message-update.json': [
    {
      kind: 'edit',
      targetProviderMessageId: '3EB0374FE782C51F1D91FF',
      text: 'Olá Maria, temos vaga às 11h.',
    },
  ],
  'status-instance-closed.json': channel('disconnected', {
    statusReason: 401,
    disconnectedAt: '2026-07-02T18:20:11.332Z',
    ...noCode,
  }),
  'typebot-change-status.json': ignored(/typebot/),
}

describe('recorded deliveries of Evolution servers', () => {
  const files = readdirSync(folder)

  test('every recorded delivery has an expectation, and every expectation a delivery', () => {
    expect(Object.keys(expected).sort()).toEqual(files.sort())
  })

  for (const [file, outcome] of Object.entries(expected)) {
    test(`${file} comes out as it should`, () => {
      const result = parsed(file)
      expect(result.poison).toEqual([])
      const items = Array.isArray(outcome) ? outcome : []
      expect(result.items).toMatchObject(items)
      expect(result.items).toHaveLength(items.length)
      // An empty payload in the table means that there is nothing more to tell.
      const bare = (item: object) => 'payload' in item && Object.keys(item.payload as object).length === 0
      const payloads = result.items.map((item) => ('payload' in item ? item.payload : undefined))
      expect(payloads.filter((_, index) => bare(items[index] ?? {}))).toEqual(
        items.filter(bare).map(() => ({})),
      )
      expect(result.ignored).toEqual(Array.isArray(outcome) ? [] : outcome.ignored)
    })
  }

  test('what is ours never names the customer', () => {
    for (const file of [
      'messages-upsert-from-me-phone.json',
      'send-message-text.json',
      'send-message-image.json',
    ]) {
      expect(parsed(file).items[0]).not.toHaveProperty('chat.name')
    }
  })

  test('no picture, no credential and no key of the envelope is carried along', () => {
    for (const file of files) {
      const text = JSON.stringify(parsed(file))
      expect(text).not.toMatch(/jpegThumbnail|messageSecret|apikey|0B7C1D52-9E34|date_time/)
    }
  })
})
