import { z } from 'zod'
import { conversationStatus, conversationView, noteView } from '../conversation.ts'
import { positionText } from '../position.ts'
import { storableText } from '../text.ts'
import { severalOf } from './several.ts'
import { commands, noteInput, sendMessageInput } from '../socket.ts'

/** Filters of the list; a conversation has one of the several values of each. `limit` and `cursor` are those of every list. */
export const listConversationsQuery = z.strictObject({
  status: severalOf(conversationStatus).optional(),
  assignee: severalOf(z.union([z.enum(['me', 'none']), z.uuid()])).optional(),
  /** Teams by id, or `none`. */
  team: severalOf(z.union([z.literal('none'), z.uuid()])).optional(),
  channel: severalOf(z.uuid()).optional(),
  label: severalOf(storableText(1, 64)).optional(),
  contact: z.coerce.number().int().positive().optional(),
  /** Part of the contact's name (case and accents do not matter), of an address, or the conversation's number. */
  q: storableText(1, 200).optional(),
})
export type ListConversationsQuery = z.infer<typeof listConversationsQuery>

export const conversationList = z.strictObject({
  data: z.array(conversationView),
  nextCursor: z.string().nullable(),
})
export type ConversationList = z.infer<typeof conversationList>

/** One conversation and the place in the log that it was read at: newer events about it are news, older ones are in it. */
export const conversationAnswer = z.strictObject({ data: conversationView, position: positionText })
/** What a change answers with. */
export const changedConversation = z.strictObject({ data: conversationView })
export const noteAnswer = z.strictObject({ data: conversationView, note: noteView })
export const noteList = z.strictObject({
  data: z.array(noteView),
  nextCursor: z.string().nullable(),
  position: positionText,
})
export type NoteList = z.infer<typeof noteList>

export const startConversationBody = z.strictObject({
  channelId: z.uuid(),
  /** A phone number with country code, `+` and separators allowed. */
  to: storableText(1, 32),
  template: sendMessageInput.shape.template.unwrap(),
  /** One key, one message, as in sends; made by the server when left out. */
  clientMessageId: sendMessageInput.shape.clientMessageId.optional(),
})
export type StartConversationBody = z.infer<typeof startConversationBody>

const withoutId = { conversationId: true } as const
export const assignBody = commands['conversation.assign'].omit(withoutId)
export const readBody = commands['conversation.read'].omit(withoutId)
export const labelsBody = commands['conversation.label'].omit(withoutId)
export const noteBody = noteInput

/** `snoozedUntil` goes with `snoozed` and with nothing else. */
export const statusBody = z.discriminatedUnion('status', [
  z.strictObject({ status: z.literal('snoozed'), snoozedUntil: z.iso.datetime() }),
  z.strictObject({ status: conversationStatus.exclude(['snoozed']) }),
])
