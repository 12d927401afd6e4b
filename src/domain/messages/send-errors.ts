/** What a send can be refused with (send-gate.ts, check-uploaded.ts), beside what every route can answer. */
export const sendErrors = [
  'already_claimed',
  'channel_down',
  'colleague_replied',
  'consent_denied',
  'contact_blocked',
  'contact_unreachable',
  'conversation_closed',
  'media_not_ready',
  'media_refused',
  'template_not_approved',
  'type_unsupported',
  'window_closed',
] as const
