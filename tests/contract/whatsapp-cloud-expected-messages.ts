import { expect } from 'vitest'
import {
  type Expected,
  identity,
  live,
  number,
  pablo,
  sheena,
  sheenaHidden,
  sheenaWithUserId,
  tester,
} from './whatsapp-cloud-expected.ts'

const reply = (id: string) => ({ replyTo: { providerMessageId: id } })
const file = (id: string, mimeType: string, more: Record<string, unknown> = {}) => ({
  media: { ref: { id }, mimeType, ...more },
})
const card = (name: string, phone: string, more: Record<string, unknown> = {}) =>
  expect.objectContaining({ name, phones: [expect.objectContaining({ phone })], ...more })
const unsupported = (what: string, code: string) => ({
  payload: { what, errors: [expect.objectContaining({ code })] },
  raw: expect.objectContaining({ errors: expect.any(Array) }),
})
const original = 'wamid.HBgLMTQxMjU1NTA4MjkVAgASGBQzQUNCNjk5RDUwNUZGMUZEM0VBRAA='
const flowReply = 'wamid.gvwegfretge=='

/** The fixtures of the field `messages` that hold messages. */
export const expectedMessages: Readonly<Record<string, Expected>> = {
  text: { items: [live(sheena, 'text', 'Does it come in another color?')] },
  'text-long-4096': {
    items: [live(sheena, 'text', expect.stringMatching(/^lorem ipsum[^]{4085}$/) as unknown as string)],
  },
  'text-unicode-and-escapes': {
    items: [
      live(
        sheena,
        'text',
        'äöå 👩‍👩‍👧‍👦 <b>50% off</b> & "quotes" / slash \\ back @user\nsecond line\ttab\u2028sep',
      ),
    ],
  },
  'text-bsuid-and-phone': { items: [live(sheenaWithUserId, 'text', 'Oi! Ainda tem em estoque?')] },
  'text-with-bsuid-and-parent': { items: [live(tester, 'text', 'Body Text')] },
  'text-username-only': { items: [live(sheenaHidden, 'text', 'Hello, I found you by username')] },
  'text-username-only-empty-strings-2025': {
    items: [
      live(
        {
          identities: [identity('bsuid', 'user.93737...'), identity('username', 'realsheenanelson')],
          name: 'Sheena Nelson',
        },
        'text',
        'Does it come in another color?',
      ),
    ],
  },
  'text-identity-key-hash': { items: [live(sheena, 'text', 'confirm transfer')] },
  'text-forwarded': { items: [live(tester, 'text', 'forwarded text', { payload: { forwarded: true } })] },
  'text-frequently-forwarded': {
    items: [live(tester, 'text', 'text forwarded many times', { payload: { frequentlyForwarded: true } })],
  },
  'text-reply': { items: [live(tester, 'text', 'replied text', reply('wamid.xyzxyz=='))] },
  'text-referred-product': {
    items: [
      live(sheena, 'text', 'Is this still available?', {
        payload: { product: { catalogId: '194836987003835', sku: 'di9ozbzfi4' } },
        ...reply('wamid.HBgLMTY1MDM4Nzk0MzkVAgARGA9wcm9kdWN0X2lucXVpcnkA'),
      }),
    ],
  },
  'text-ad-referral': {
    items: [
      live(sheena, 'text', 'Can I get more info about this?', {
        payload: {
          referral: {
            sourceType: 'ad',
            sourceId: '120226305854810726',
            sourceUrl: 'https://fb.me/3cr4Wqqkv',
            headline: 'Chat with us',
            body: 'Summer Succulents are here!',
            mediaType: 'image',
            imageUrl: 'https://scontent.xx.fbcdn.net/v/t45.1...',
            clickId: expect.stringMatching(/^Aff-/),
            welcomeText: 'Hi there! Let us know how we can help!',
          },
        },
      }),
    ],
  },
  'text-ad-referral-status-ad-no-clid': {
    items: [
      live(sheena, 'text', 'Hi', {
        payload: { referral: expect.not.objectContaining({ clickId: expect.anything() }) },
      }),
    ],
  },
  'text-ad-referral-video-post': {
    items: [
      live(sheena, 'text', 'How much is it?', {
        payload: {
          referral: expect.objectContaining({
            sourceType: 'post',
            videoUrl: 'https://video.xx.fbcdn.net/v/t42.1790-2/1.mp4',
            thumbnailUrl: 'https://scontent.xx.fbcdn.net/v/t15/thumb.jpg',
          }),
        },
      }),
    ],
  },
  'text-group': {
    items: [
      live(
        { identities: [identity('group', 'HBgLMTY1MDM4Nzk0MzkVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgA')] },
        'text',
        'What does everyone think about this?',
        {
          sender: { identities: number('16505551234'), name: 'Tiago Mingo' },
          payload: { participant: { identities: number('16505551234'), name: 'Tiago Mingo' } },
        },
      ),
    ],
  },
  'text-group-clean-id': {
    items: [
      live(
        {
          identities: [identity('group', 'Y2FwaV9ncm91cDoxNTU1MDc4Mzg4MToxMjAzNjM0MDQzNDU0NTQ2NzUZD')],
        },
        'text',
        'What does everyone think about this?',
        {
          sender: { identities: number('16505551234'), name: 'Tiago Mingo' },
          payload: expect.anything(),
        },
      ),
    ],
  },
  'image-with-caption': {
    items: [
      live(
        sheena,
        'image',
        'Taj Mahal',
        file('1003383421387256', 'image/jpeg', {
          sha256: Buffer.from('SfInY0gGKTsJlUWbwxC1k+FAD0FZHvzwfpvO0zX0GUI=', 'base64').toString('hex'),
        }),
      ),
    ],
  },
  // The hash of these two is five bytes long: not a SHA-256, so it is left out and nobody will fail the file for it.
  'image-no-url': {
    items: [live(tester, 'image', null, file('65463453', 'image/jpeg', { sha256: undefined }))],
  },
  'image-with-url': {
    items: [live(tester, 'image', null, file('65463453', 'image/jpeg', { sha256: undefined }))],
  },
  'image-error-too-big-131052': {
    items: [live(sheena, 'unsupported', null, unsupported('image', '131052'))],
  },
  'video-with-caption': {
    items: [live(sheena, 'video', 'Timelapse of growth', file('731675419373506', 'video/mp4'))],
  },
  'video-forwarded': {
    items: [
      live(tester, 'video', 'caption', { ...file('765756756', 'video/mp4'), payload: { forwarded: true } }),
    ],
  },
  'audio-voice': { items: [live(sheena, 'voice', null, file('1908647269898587', 'audio/ogg'))] },
  'audio-voice-no-url': { items: [live(tester, 'voice', null, file('1234567890987654321', 'audio/ogg'))] },
  'audio-file': {
    items: [
      live(tester, 'audio', null, {
        ...file('1234567890987654321', 'audio/ogg'),
        payload: { forwarded: true },
      }),
    ],
  },
  'document-with-caption': {
    items: [
      live(
        sheena,
        'document',
        'my receipt',
        file('622684793477189', 'application/pdf', { fileName: 'receipt.pdf' }),
      ),
    ],
  },
  'document-no-filename': {
    items: [
      live(
        sheena,
        'document',
        null,
        file('1234567890987651', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document', {
          fileName: undefined,
        }),
      ),
    ],
  },
  'document-forwarded': {
    items: [
      live(tester, 'document', 'caption', {
        ...file('1234567890987654321', 'application/pdf', { fileName: 'filename.pdf' }),
        payload: { forwarded: true },
      }),
    ],
  },
  'sticker-animated': {
    items: [
      live(sheena, 'sticker', null, {
        ...file('1908647269898587', 'image/webp'),
        payload: { animated: true },
      }),
    ],
  },
  'sticker-static': {
    items: [
      live(tester, 'sticker', null, {
        ...file('1234567890987654321', 'image/webp'),
        payload: { animated: false },
      }),
    ],
  },
  'location-full': {
    items: [
      live(sheena, 'location', 'Philz Coffee', {
        payload: {
          latitude: 37.44221496582,
          longitude: -122.16165924072,
          name: 'Philz Coffee',
          address: '101 Forest Ave, Palo Alto, CA 94301',
          url: 'https://philzcoffee.com/',
        },
      }),
    ],
  },
  'location-current': {
    items: [
      live(tester, 'location', null, {
        payload: { latitude: 12.25089, longitude: 43.90539, forwarded: true },
      }),
    ],
  },
  'location-request-reply': {
    items: [
      live(pablo, 'location', 'Solomon R. Guggenheim Museum', {
        payload: expect.objectContaining({ latitude: 40.782910059774, longitude: -73.959075808525 }),
        ...reply('wamid.HBgLMTY0NjcwNDM1OTUVAgARGBI1QjJGRjI1RDY0RkE4Nzg4QzcA'),
      }),
    ],
  },
  contacts: {
    items: [
      live(sheena, 'contacts', 'Barbara J. Johnson', {
        payload: {
          contacts: [
            expect.objectContaining({
              name: 'Barbara J. Johnson',
              firstName: 'Barbara',
              lastName: 'Johnson',
              organization: 'Social Tsunami',
              phones: [{ phone: '+1 (415) 555-0829', waId: '14125550829', type: 'MOBILE' }],
            }),
          ],
        },
      }),
    ],
  },
  'contacts-full': {
    items: [
      live(sheena, 'contacts', 'Barbara J. Johnson', {
        payload: {
          contacts: [
            {
              name: 'Barbara J. Johnson',
              firstName: 'Barbara',
              lastName: 'Johnson',
              organization: 'Lucky Shrub',
              title: 'Lead Counsel',
              birthday: '1999-01-23',
              phones: [
                { phone: '+16505559999', type: 'Landline' },
                { phone: '+19175559999', type: 'Mobile', waId: '19175559999' },
              ],
              emails: [{ email: 'bjohnson@luckyshrub.com', type: 'Work' }],
              urls: [{ url: 'https://www.luckyshrub.com', type: 'Company' }],
              addresses: [expect.objectContaining({ city: 'Menlo Park', country_code: 'US' })],
            },
          ],
        },
      }),
    ],
  },
  'contacts-three': {
    items: [
      live(tester, 'contacts', 'Chandler Bing, Monica, Rachel Green', {
        payload: {
          contacts: [
            card('Chandler Bing', '+1 555-555-5555'),
            card('Monica', '+1 666-666-6666'),
            card('Rachel Green', '+1 777-777-7777'),
          ],
        },
      }),
    ],
  },
  'contacts-contact-request': {
    items: [
      live(sheenaWithUserId, 'contacts', 'Sheena Nelson', {
        payload: {
          origin: 'contact_request',
          contacts: [
            card('Sheena Nelson', '+1 650-555-1234', { vcard: expect.stringMatching(/^BEGIN:VCARD/) }),
          ],
        },
      }),
    ],
  },
  'interactive-button-reply': {
    items: [
      live(pablo, 'button_reply', 'Change', {
        payload: { id: 'change-button', title: 'Change' },
        ...reply('wamid.HBgLMTY0NjcwNDM1OTUVAgARGBJBM0Y4RUU0RUNFQkFDMjYzQUMA'),
      }),
    ],
  },
  'interactive-list-reply': {
    items: [
      live(pablo, 'list_reply', 'Priority Mail Express', {
        payload: {
          id: 'priority_express',
          title: 'Priority Mail Express',
          description: 'Next Day to 2 Days',
        },
      }),
    ],
  },
  'interactive-list-reply-no-description': {
    items: [
      live(tester, 'list_reply', 'title', {
        payload: { id: 'callback_data', title: 'title' },
        ...reply('wamid.xyzxyz'),
      }),
    ],
  },
  'interactive-nfm-reply-flow': {
    items: [
      live(tester, 'flow_reply', 'Sent', {
        payload: {
          name: 'flow',
          data: expect.objectContaining({ comment_text: 'Comment Text', purchase_rating: '2' }),
          flowToken: 'AQAAAAACS5FpgQ_cAAAAAD0QI3s.',
        },
        ...reply(flowReply),
      }),
    ],
  },
  'interactive-nfm-reply-no-flow-token': {
    items: [
      live(tester, 'flow_reply', 'Sent', {
        payload: {
          name: 'flow',
          data: expect.objectContaining({ delivery_rating: '4' }),
          flowToken: undefined,
        },
      }),
    ],
  },
  'interactive-nfm-reply-address': {
    items: [
      live(
        { identities: number('919000090000'), name: 'Rita' },
        'flow_reply',
        'Rita\n Wadi, 123, Goregaon, Mumbai 400063',
        {
          payload: {
            name: 'address_message',
            data: {
              saved_address_id: 'address1',
              values: expect.objectContaining({ in_pin_code: '400063' }),
            },
          },
        },
      ),
    ],
  },
  'interactive-call-permission-accept': {
    items: [
      live(tester, 'interactive', 'Calls are allowed', {
        payload: expect.objectContaining({ kind: 'call_permission_reply', response: 'accept' }),
      }),
    ],
  },
  'interactive-call-permission-reject': {
    items: [
      live(tester, 'interactive', 'Calls are not allowed', {
        payload: expect.objectContaining({ kind: 'call_permission_reply', response: 'reject' }),
      }),
    ],
  },
  // Meta's placeholders were kept in this one: no number is recognisable, and the time is that of arrival.
  'interactive-payment-method': {
    items: [
      live({ identities: [identity('bsuid', '[<WHATSAPP_USER_PHONE_NUMBER>]')] }, 'interactive', null, {
        payload: expect.objectContaining({
          kind: 'payment_method',
          payment_method: 'offsite_card_pay',
          reference_id: 'pix_test_webhook',
        }),
        at: new Date('2026-07-02T20:00:00Z'),
      }),
    ],
  },
  'interactive-missing-with-error-131000': {
    items: [
      live(tester, 'unsupported', null, {
        payload: {
          what: 'interactive',
          errors: [{ code: '131000', title: 'Something went wrong', detail: 'Unsupported webhook payload' }],
        },
        raw: expect.objectContaining({ type: 'interactive' }),
      }),
    ],
  },
  'button-quick-reply': {
    items: [
      live(sheena, 'button_reply', 'Unsubscribe', {
        payload: { id: 'Unsubscribe', title: 'Unsubscribe', quickReply: true },
        ...reply(original),
      }),
    ],
  },
  'button-without-context': {
    items: [
      live(tester, 'button_reply', 'title', {
        payload: { id: 'callback_data', title: 'title', quickReply: true },
        replyTo: undefined,
      }),
    ],
  },
  'button-did-not-request-code': {
    items: [
      live({ identities: number('12345678'), name: 'John' }, 'button_reply', "I didn't request a code", {
        payload: { id: 'DID_NOT_REQUEST_CODE', title: "I didn't request a code", quickReply: true },
      }),
    ],
  },
  order: {
    items: [
      live(sheena, 'order', 'Love these!', {
        payload: {
          catalogId: '194836987003835',
          items: [
            { sku: 'di9ozbzfi4', quantity: 2, price: 30, currency: 'USD' },
            { sku: 'nqryix03ez', quantity: 1, price: 25, currency: 'USD' },
          ],
        },
      }),
    ],
  },
  'order-empty-text': {
    items: [
      live(tester, 'order', null, {
        payload: {
          catalogId: '354160437058781',
          items: [
            expect.objectContaining({ sku: 'HAMBURGER', quantity: 3 }),
            expect.objectContaining({ sku: 'FRENCH_FRIES' }),
            expect.objectContaining({ sku: 'SODA' }),
          ],
        },
      }),
    ],
  },
  'order-no-text': {
    items: [
      live(pablo, 'order', null, {
        payload: expect.objectContaining({
          items: [{ sku: 'n6k6x0y7oe', quantity: 1, price: 99.99, currency: 'USD' }],
        }),
      }),
    ],
  },
  reaction: {
    items: [
      {
        kind: 'reaction',
        emoji: '😮',
        targetProviderMessageId: 'wamid.yzxyzx=',
        chat: tester,
        direction: 'in',
      },
    ],
  },
  'reaction-removed-empty-emoji': {
    items: [{ kind: 'reaction', emoji: null, targetProviderMessageId: original, chat: sheena }],
  },
  'reaction-removed-no-emoji': {
    items: [{ kind: 'reaction', emoji: null, targetProviderMessageId: original, chat: sheena }],
  },
  'edit-text': {
    items: [
      {
        kind: 'edit',
        targetProviderMessageId: original,
        type: 'text',
        text: 'Make it 3 units, please',
        chat: sheena,
      },
    ],
  },
  // The profile in this value is of somebody else: its name and ids must not be given to the writer.
  'edit-image-caption': {
    items: [
      {
        kind: 'edit',
        targetProviderMessageId: original,
        type: 'image',
        text: 'Updated image caption',
        chat: { identities: number('16505551234') },
      },
    ],
  },
  revoke: { items: [{ kind: 'revoke', targetProviderMessageId: original, chat: sheena }] },
  'unsupported-plain': { items: [live(tester, 'unsupported', null, unsupported('unsupported', '131051'))] },
  'unsupported-edit': { items: [live(sheena, 'unsupported', null, unsupported('edit', '131051'))] },
  'unsupported-poll-creation': {
    items: [live(sheena, 'unsupported', null, unsupported('poll_creation', '131051'))],
  },
  'unsupported-unknown-subtype': {
    items: [live(tester, 'unsupported', null, unsupported('pool', '131051'))],
  },
  'unsupported-131060-unavailable': {
    items: [live(sheena, 'unsupported', null, unsupported('unknown', '131060'))],
  },
  'unknown-type-legacy': { items: [live(sheena, 'unsupported', null, unsupported('unknown', '131051'))] },
  'system-user-changed-number': {
    items: [
      {
        kind: 'identity',
        person: { identities: number('16505551234') },
        join: [...number('16505551234'), ...number('12195555358')],
        leave: number('16505551234'),
        text: 'User Sheena Nelson changed from 16505551234 to 12195555358',
        payload: { event: 'user_changed_number', newNumber: '12195555358' },
        opensWindow: false,
      },
    ],
  },
  'system-user-changed-user-id': {
    items: [
      {
        kind: 'identity',
        join: [
          identity('bsuid', 'US.13491208655302741918'),
          ...number('16505551234'),
          identity('bsuid', 'US.98765432100000000001'),
        ],
        leave: [identity('bsuid', 'US.13491208655302741918')],
        text: expect.stringContaining('changed from'),
        opensWindow: false,
      },
    ],
  },
  'system-identity-changed': {
    items: [
      {
        kind: 'identity',
        person: { identities: number('972987654321'), name: 'User A' },
        join: [],
        leave: [],
        text: 'User identity changed',
        payload: {
          event: 'identity_changed',
          acknowledged: true,
          hash: 'xyzxyz',
          changedAt: '2023-10-11T17:18:26.000Z',
        },
        opensWindow: false,
      },
    ],
  },
  'request-welcome': {
    items: [{ kind: 'identity', person: sheena, text: null, opensWindow: true, join: [], leave: [] }],
  },
  'messages-empty-array': { items: [] },
  'empty-entry': { items: [] },
  'batch-duplicate-message': {
    items: [live(sheena, 'text', 'only once'), live(sheena, 'text', 'only once')],
  },
  'batch-out-of-order': {
    items: [
      live(sheena, 'text', 'newer', { at: new Date(1_783_001_100_000) }),
      live(sheena, 'text', 'older', { at: new Date(1_783_001_090_000) }),
    ],
  },
  'batch-two-messages': {
    items: [
      live(sheena, 'text', 'first'),
      live({ identities: number('12125557890'), name: 'Pablo Morales' }, 'text', 'second, another sender'),
    ],
  },
}
