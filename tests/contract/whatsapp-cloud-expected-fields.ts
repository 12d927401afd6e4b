import { expect } from 'vitest'
import {
  type Expectation,
  type Expected,
  identity,
  live,
  number,
  sheena,
  sheenaHidden,
  sheenaWithUserId,
  status,
  tester,
} from './whatsapp-cloud-expected.ts'

const failed = (code: string, retryable: boolean, more: Record<string, unknown> = {}): Expected => ({
  items: [
    status('failed', {
      error: { code, title: expect.stringMatching(/\w/), detail: expect.stringMatching(/\w/), retryable },
      ...more,
    }),
  ],
})
const channel = (
  what: string,
  health: Record<string, unknown>,
  more: Record<string, unknown> = {},
): Expected => ({
  items: [{ kind: 'channel', what, health, status: undefined, ...more }],
})
const template = (more: Record<string, unknown>): Expected => ({
  items: [{ kind: 'template', language: 'en_US', ...more }],
})
const consent = (granted: boolean, person: unknown): Expected => ({
  items: [{ kind: 'consent', category: 'marketing', granted, person, detail: expect.any(String) }],
})
const imported = (direction: 'in' | 'out', chat: string, more: Record<string, unknown>): Expectation => ({
  kind: 'message',
  origin: 'history',
  direction,
  opensWindow: false,
  chat: { identities: number(chat) },
  ...more,
})
const order = { providerTemplateId: '1689556908129832', name: 'order_confirmation' }
const service = { pricing: expect.objectContaining({ category: 'service' }) }

/** The fixtures of statuses and of every field but `messages`. */
export const expectedFields: Readonly<Record<string, Expected>> = {
  'status-sent-minimal': { items: [status('sent', { error: undefined, pricing: undefined })] },
  'status-read-minimal': { items: [status('read')] },
  'status-read': { items: [status('read', { recipient: tester })] },
  'status-played': { items: [status('played', { recipient: tester })] },
  'status-delivered-with-contacts': { items: [status('delivered', { recipient: tester, ...service })] },
  'status-delivered-cbp-service': {
    items: [
      status('delivered', {
        conversation: { id: '6ceb9d929c9bdc4f90e967a32f8639b4', origin: { type: 'service' } },
        pricing: { billable: true, pricing_model: 'CBP', category: 'service' },
      }),
    ],
  },
  'status-delivered-free-customer-service': {
    items: [
      status('delivered', {
        pricing: {
          billable: false,
          pricing_model: 'PMP',
          type: 'free_customer_service',
          category: 'service',
        },
      }),
    ],
  },
  'status-delivered-bsuid': { items: [status('delivered', { recipient: sheenaHidden })] },
  'status-sent-bsuid-and-phone': { items: [status('sent', { recipient: sheenaWithUserId })] },
  'status-sent-cbp-service': { items: [status('sent', { recipient: tester, ...service })] },
  'status-sent-free-entry-point': {
    items: [
      status('sent', { conversation: expect.objectContaining({ origin: { type: 'referral_conversion' } }) }),
    ],
  },
  'status-sent-marketing-pmp': {
    items: [status('sent', { pricing: expect.objectContaining({ category: 'marketing', billable: true }) })],
  },
  // "some data" is of another system: our ids are UUIDs.
  'status-sent-biz-opaque': { items: [status('sent', { recipient: tester, ourMessageId: undefined })] },
  'status-failed-130472': failed('130472', true, { recipient: tester }),
  'status-failed-131026': failed('131026', false, { ourMessageId: undefined }),
  'status-failed-131031': failed('131031', false),
  'status-failed-131042': failed('131042', false),
  'status-failed-131047': failed('131047', false),
  'status-failed-131048': failed('131048', true),
  'status-failed-131049': failed('131049', true),
  'status-failed-131050': failed('131050', false),
  'status-failed-131053': failed('131053', false),
  'status-failed-132015': failed('132015', true),
  'status-group-aggregated': {
    items: ['16505551234', '12125557890'].map((participant) =>
      status('delivered', {
        recipient: { identities: [identity('group', 'Y2FwaV9ncm91cDoxNTU1')] },
        participant: { identities: number(participant) },
      }),
    ),
  },
  'batch-status-sent-delivered-read': { items: [status('read'), status('sent'), status('delivered')] },
  'batch-messages-and-statuses-in-one-value': {
    items: [live(sheena, 'text', 'mixed'), status('read', { recipient: sheena })],
  },
  // The second entry is another number's: it must not come out here.
  'batch-two-entries-two-fields': { items: [live(sheena, 'text', 'entry one'), status('delivered')] },
  'errors-in-value-130429': {
    items: [
      {
        kind: 'channel',
        what: 'errors',
        status: undefined,
        health: { lastError: expect.objectContaining({ code: '130429', title: 'Rate limit hit' }) },
      },
    ],
  },
  'user-actions-link-click': {
    items: [],
    ignored: ['user action "marketing_messages_link_click" is not used'],
  },
  'other-object-page': { items: [], ignored: ['object "page" is not WhatsApp'] },
  'unknown-field-future': { items: [], ignored: ['unknown field "some_future_field"'] },
  'calls-connect-user-initiated': {
    items: [
      live(tester, 'call', 'Incoming call', {
        payload: { callId: 'wacid.xxxx=', direction: 'in', event: 'connect' },
        providerMessageId: 'wacid.xxxx=:connect',
      }),
    ],
  },
  'calls-terminate': {
    items: [
      {
        kind: 'message',
        type: 'call',
        direction: 'out',
        origin: 'echo',
        opensWindow: false,
        chat: { identities: number('16315553601') },
        at: new Date(1_671_644_944_000),
        providerMessageId: 'wacid.ABGGFjFVU2AfAgo6V-Hc5eCgK5Gh:terminate',
        payload: expect.objectContaining({ event: 'terminate', durationSeconds: 120, status: 'completed' }),
      },
    ],
  },
  'history-chunk': {
    items: [
      {
        kind: 'channel',
        what: 'history_progress',
        health: { historyImport: { state: 'running', progress: 55, phase: 0 } },
      },
      imported('out', '16505551234', {
        type: 'text',
        text: expect.stringMatching(/^Here's the info/),
        status: 'read',
      }),
      imported('out', '16505551234', {
        type: 'system',
        payload: { event: 'placeholder' },
        status: 'played',
      }),
      imported('in', '16505551234', { type: 'text', text: 'Thanks!', status: undefined }),
      imported('out', '12125557890', {
        type: 'text',
        text: expect.stringContaining('THANKS30'),
        status: 'delivered',
      }),
    ],
  },
  'history-declined': channel(
    'history_declined',
    { historyImport: { state: 'declined', code: '2593109' } },
    { reason: expect.stringContaining('turned off by the business') },
  ),
  'history-media-followup': {
    items: [
      imported('in', '16505551234', {
        type: 'image',
        text: 'Black Prince echeveria',
        providerMessageId: 'wamid.QyNUEHBgLMTY0NjcwNDM1OTUVAgARGBI1Rj3NEYxMzAzMzQ5MkEA',
        media: {
          ref: { id: '24230790383178626' },
          mimeType: 'image/jpeg',
          sha256: '3f9d94d399fa61c191bc1d4ca71375a035cd9b9f5b1128e1f0963a415c16b0cc',
        },
      }),
    ],
  },
  'smb-message-echo-text': {
    items: [
      {
        kind: 'message',
        direction: 'out',
        origin: 'echo',
        opensWindow: false,
        status: 'sent',
        type: 'text',
        text: expect.stringMatching(/^Here's the info/),
        chat: { identities: number('16505551234') },
      },
    ],
  },
  'smb-message-echo-image-bsuid': {
    items: [
      {
        kind: 'message',
        direction: 'out',
        origin: 'echo',
        opensWindow: false,
        type: 'image',
        text: 'our menu',
        chat: sheenaWithUserId,
        media: { ref: { id: '24230790383178626' } },
      },
    ],
  },
  // From and to stand the wrong way round in these two; the chat is with the one who is not us.
  'smb-message-echo-edit': {
    items: [
      {
        kind: 'edit',
        targetProviderMessageId: 'wamid.zzzzzz',
        text: 'Text was edited',
        chat: tester,
      },
    ],
  },
  'smb-message-echo-revoke': {
    items: [{ kind: 'revoke', targetProviderMessageId: 'wamid.zzzzzz', chat: tester }],
  },
  'smb-app-state-sync-add': {
    items: [
      {
        kind: 'contact',
        person: { identities: [identity('phone', '16505551234')], name: 'Pablo Morales' },
        removed: undefined,
        at: new Date(1_739_321_024_000),
      },
    ],
  },
  'smb-app-state-sync-remove': {
    items: [{ kind: 'contact', person: { identities: [identity('phone', '16505551234')] }, removed: true }],
  },
  'user-preferences-stop': consent(false, sheena),
  'user-preferences-resume': consent(true, { identities: number('16505551234') }),
  // The profile in the value is of another user.
  'user-preferences-signup': consent(true, { identities: number('16505551234') }),
  'user-preferences-stop-bsuid': consent(false, sheenaHidden),
  'user-id-update': {
    items: [
      {
        kind: 'identity',
        text: null,
        opensWindow: false,
        join: [
          identity('bsuid', 'US.13491208655302741918'),
          identity('bsuid', 'US.98765432100000000001'),
          ...number('16505551234'),
        ],
        leave: [identity('bsuid', 'US.13491208655302741918')],
      },
    ],
  },
  'template-status-approved': template({
    ...order,
    status: 'APPROVED',
    category: 'UTILITY',
    reason: undefined,
  }),
  'template-status-rejected': template({
    providerTemplateId: '1689556908129835',
    name: 'abandoned_cart',
    language: 'en',
    status: 'REJECTED',
    reason: 'INVALID_FORMAT',
    category: 'MARKETING',
    detail: expect.objectContaining({
      rejection: expect.objectContaining({ recommendation: expect.any(String) }),
    }),
  }),
  'template-status-paused': template({
    ...order,
    status: 'PAUSED',
    reason: undefined,
    detail: { event: 'PAUSED', other: expect.objectContaining({ title: 'FIRST_PAUSE' }) },
  }),
  'template-status-disabled': template({
    ...order,
    status: 'DISABLED',
    detail: { event: 'DISABLED', disable: { disable_date: '1783000000' } },
  }),
  'template-status-pending-deletion': template({ ...order, status: 'PENDING_DELETION', reason: undefined }),
  'template-quality-update': template({
    providerTemplateId: '806312974732579',
    quality: 'YELLOW',
    status: undefined,
    detail: { previousQuality: 'GREEN' },
  }),
  'template-quality-wrong-field-in-docs': template({
    providerTemplateId: '806312974732579',
    quality: 'YELLOW',
    status: undefined,
  }),
  'template-components-update': template({
    providerTemplateId: '1315502779341834',
    stale: true,
    status: undefined,
  }),
  'template-category-updated': template({
    providerTemplateId: '278077987957091',
    category: 'MARKETING',
    detail: { previousCategory: 'UTILITY' },
  }),
  'template-category-warning': template({
    category: 'UTILITY',
    detail: { comingCategory: 'MARKETING', changesAt: '2025-05-02T07:00:00.000Z' },
  }),
  'account-update-deleted': channel(
    'account_update',
    { accountEvent: 'ACCOUNT_DELETED' },
    { status: 'removed', at: new Date(1_743_451_903_000) },
  ),
  'account-update-offboarded': channel(
    'account_update',
    { accountEvent: 'ACCOUNT_OFFBOARDED' },
    { status: 'removed' },
  ),
  'account-update-partner-removed': channel(
    'account_update',
    expect.objectContaining({
      accountEvent: 'PARTNER_REMOVED',
      disconnection: { reason: 'PRIMARY_INACTIVITY', initiated_by: 'SYSTEM' },
    }),
    { status: 'removed', reason: 'PARTNER_REMOVED: PRIMARY_INACTIVITY' },
  ),
  'account-update-reinstate': channel('account_update', expect.objectContaining({ banState: 'REINSTATE' }), {
    status: 'connected',
  }),
  'account-update-restriction': channel(
    'account_update',
    expect.objectContaining({ restrictions: [expect.anything(), expect.anything()] }),
    { status: 'restricted', answersOnly: true },
  ),
  'account-update-violation': channel('account_update', {
    accountEvent: 'ACCOUNT_VIOLATION',
    violation: 'ALCOHOL',
  }),
  'account-review-approved': channel('account_review_update', { accountReview: 'APPROVED' }),
  'account-alerts': channel('account_alerts', {
    alert: expect.objectContaining({
      severity: 'WARNING',
      type: 'INCREASED_CAPABILITIES_ELIGIBILITY_DEFERRED',
    }),
  }),
  'business-capability-update': channel('business_capability_update', {
    messagingLimit: '2000',
    maxPhoneNumbersPerAccount: '25',
  }),
  'business-username-updates': channel('business_username_updates', {
    username: 'luckyshrub',
    usernameStatus: 'approved',
  }),
  'phone-number-name-update': channel(
    'phone_number_name_update',
    expect.objectContaining({ nameStatus: 'APPROVED', verifiedName: 'Lucky Shrub' }),
  ),
  'phone-number-quality-onboarding-2026': channel('phone_number_quality_update', {
    qualityEvent: 'ONBOARDING',
    messagingLimit: 'TIER_250',
  }),
  'phone-number-quality-throughput-upgrade': channel('phone_number_quality_update', {
    qualityEvent: 'THROUGHPUT_UPGRADE',
    messagingLimit: 'TIER_UNLIMITED',
  }),
  'security-pin-reset-request': channel('security', {
    security: { event: 'PIN_RESET_REQUEST', requester: '61555822107539' },
  }),
}
