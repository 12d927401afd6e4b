import { z } from 'zod'
import { conversationPatch } from '../conversation.ts'
import { messageErrorView, messageStatus, messageView } from '../message.ts'
import { event } from './define.ts'

const outcome = {
  messageId: z.uuid(),
  conversationId: z.uuid(),
  status: messageStatus,
  /** The provider's time of it. */
  at: z.iso.datetime(),
  providerMessageId: z.string().optional(),
}

export const messageEvents = [
  event('message.received', 'conversation', 'A customer wrote, or our side wrote on the phone.', {
    message: messageView,
    conversation: conversationPatch,
  }),
  event('message.queued', 'conversation', 'One of us wrote; it waits to be sent.', {
    message: messageView,
    conversation: conversationPatch,
  }),
  event('message.sent', 'conversation', 'The network took it.', outcome),
  event('message.delivered', 'conversation', "It is on the customer's device.", outcome),
  event('message.read', 'conversation', 'The customer read it, or played it (`status: played`).', outcome),
  event('message.failed', 'conversation', 'It will not arrive; `error` says why.', {
    ...outcome,
    error: messageErrorView,
  }),
  event(
    'message.unknown',
    'conversation',
    'The line died while sending: it may have gone out. A later status settles it.',
    {
      ...outcome,
      error: messageErrorView,
    },
  ),
  event('message.edited', 'conversation', 'Its author changed it; the former text is kept.', {
    message: messageView,
  }),
  event('message.deleted', 'conversation', 'Its author deleted it for everyone.', { message: messageView }),
  event('message.reacted', 'conversation', 'Somebody reacted to it or took a reaction back.', {
    message: messageView,
  }),
  event('message.media_stored', 'conversation', 'Its file is here.', { message: messageView }),
  event('message.media_awaited', 'conversation', 'Its file could not be had and is fetched once more.', {
    message: messageView,
  }),
  event('message.media_failed', 'conversation', 'Its file cannot be had.', { message: messageView }),
] as const
