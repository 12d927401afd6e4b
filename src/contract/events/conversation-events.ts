import { z } from 'zod'
import { conversationView, noteView } from '../conversation.ts'
import { event } from './define.ts'

const whole = { conversation: conversationView }

export const conversationEvents = [
  event('conversation.opened', 'conversation', 'A conversation began.', whole),
  event(
    'conversation.updated',
    'conversation',
    'Something of it changed that has no event of its own: who it is with, what was read.',
    whole,
  ),
  event('conversation.assigned', 'conversation', 'It has another assignee or team, or none.', whole),
  event(
    'conversation.status_changed',
    'conversation',
    'It was opened again, resolved or made pending.',
    whole,
  ),
  event('conversation.snoozed', 'conversation', 'It sleeps until a time.', whole),
  event('conversation.labelled', 'conversation', 'Its labels changed.', whole),
  event('conversation.hidden', 'lost sight', 'You may no longer see it: forget it and everything in it.', {
    conversationId: z.uuid(),
  }),
  event('note.added', 'subject', 'A private note was written.', { note: noteView }),
  event('note.edited', 'subject', 'A private note changed.', { note: noteView }),
  event('note.deleted', 'subject', 'A private note is gone.', { note: noteView }),
  event('note.restored', 'subject', 'A deleted note is back.', { note: noteView }),
  event(
    'note.hidden',
    'lost sight',
    'A note went along with somebody whom you may not see: forget it. Notes of what is itself hidden go without it.',
    { noteId: z.number().int(), version: z.number().int() },
  ),
] as const
