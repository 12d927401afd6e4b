import { z } from 'zod'
import type { ErrorBody } from './errors.ts'
import { completeActivityBody } from './rest/activities.ts'
import { dealMove } from './rest/deals.ts'
import { conversationStatus } from './conversation.ts'
import { positionText } from './position.ts'
import { storableText } from './text.ts'

/** What the client gives in `auth` of the handshake. The token may instead come as bearer header or cookie. */
export const handshake = z.strictObject({
  token: z.string().max(8192).optional(),
  /** `epoch:seq` of the last event that it applied, or of its snapshot; absent means: from now on. */
  position: z.string().max(64).optional(),
  protocol: z.number().int().optional(),
})

const hello = z.strictObject({
  protocol: z.number().int(),
  session: z.string(),
  /** Where the events that follow begin: the position you gave, or the head of the log when you gave none that is usable. */
  position: positionText,
  user: z.strictObject({ id: z.string(), name: z.string(), role: z.string() }),
  tenant: z.strictObject({ id: z.string(), slug: z.string(), name: z.string() }),
  limits: z.strictObject({
    frameBytes: z.number().int(),
    commandsPerSecond: z.number(),
    textCharacters: z.number().int(),
    mediaBytes: z.number().int(),
  }),
})
export type Hello = z.infer<typeof hello>
const place = z.strictObject({ position: positionText })
const resetReasons = ['trimmed', 'epoch', 'future', 'too_far', 'access_changed', 'invalid'] as const
const reset = z.strictObject({ reason: z.enum(resetReasons), position: positionText })
export type Reset = z.infer<typeof reset>

/**
 * Why we hang up. `reconnect` says whether coming back can help.
 * See gateway/farewell.ts for when each is said.
 */
export const farewells = {
  slow: { reconnect: true, means: 'you did not read what we sent; connect again, nothing is lost' },
  draining: { reconnect: true, means: 'this instance is going away' },
  token_expired: { reconnect: false, means: 'the token ended; sign in and connect again' },
  access_revoked: { reconnect: false, means: 'your access was taken away' },
  too_many_commands: { reconnect: true, means: 'you kept sending faster than the limit' },
  frame_invalid: { reconnect: false, means: 'you sent something that is not the protocol' },
  internal: { reconnect: true, means: 'we failed; connect again' },
} as const
export type FarewellCode = keyof typeof farewells

const bye = z.strictObject({
  code: z.enum(Object.keys(farewells) as [FarewellCode, ...FarewellCode[]]),
  /** When to come back at the earliest. */
  retryAfterMs: z.number(),
  /** Whether coming back can help. */
  reconnect: z.boolean(),
})
export type Bye = z.infer<typeof bye>

/** Everything the server says on its own account; events of the log come beside these, under their type. */
export const notices = {
  hello,
  'caught-up': place,
  position: place,
  reset,
  bye,
  renew: z.strictObject({ expiresAt: z.iso.datetime() }),
} as const
export type Notices = { [Name in keyof typeof notices]: z.infer<(typeof notices)[Name]> }

/** What each of them means. */
export const noticeMeanings: Readonly<Record<keyof Notices, string>> = {
  hello: 'You are in. What follows are the events that you missed, then `caught-up`.',
  'caught-up': 'What follows is live.',
  position: 'All up to here was considered for you, whether you were entitled to it or not.',
  reset: 'Forget what you hold, fetch a snapshot, go on from its position.',
  bye: 'We hang up; `reconnect` says whether coming back can help.',
  renew: 'The token ends soon; bring a new one with `session.renew`.',
}

export type Ack<T = unknown> = { ok: true; data: T } | { ok: false; error: ErrorBody }

const conversationId = z.uuid()

export const mediaInput = z.strictObject({ id: z.uuid(), caption: z.string().max(1024).optional() })

/** A message to send: body of POST …/messages, and with `conversationId` the argument of `message.send`. */
export const sendMessageInput = z.strictObject({
  /** Made by the client, the same on every retry: one key, one message. */
  clientMessageId: z.string().min(1).max(128),
  type: z.enum([
    'text',
    'image',
    'video',
    'audio',
    'voice',
    'document',
    'sticker',
    'location',
    'contacts',
    'interactive',
    'template',
    'reaction',
  ]),
  text: z.string().min(1).optional(),
  media: mediaInput.optional(),
  template: z
    .strictObject({
      name: z.string().min(1).max(512),
      language: z.string().min(2).max(16),
      components: z.array(z.record(z.string(), z.unknown())).max(20).optional(),
    })
    .optional(),
  interactive: z.record(z.string(), z.unknown()).optional(),
  location: z
    .strictObject({
      latitude: z.number().min(-90).max(90),
      longitude: z.number().min(-180).max(180),
      name: z.string().max(1000).optional(),
      address: z.string().max(1000).optional(),
    })
    .optional(),
  contacts: z.array(z.record(z.string(), z.unknown())).min(1).max(257).optional(),
  /** An empty emoji takes the reaction back. */
  reaction: z.strictObject({ messageId: z.uuid(), emoji: z.string().max(32) }).optional(),
  /** Our id of the message that this answers. */
  replyTo: z.uuid().optional(),
  /** `seq` of the newest message that the sender had on screen. */
  lastSeenSeq: z.number().int().min(0).optional(),
  /** Send although a colleague answered meanwhile. */
  force: z.boolean().optional(),
})
export type SendMessageInput = z.infer<typeof sendMessageInput>

export const noteInput = z.strictObject({
  body: storableText(1, 10_000),
  mentions: z.array(z.uuid()).max(50).optional(),
  pinned: z.boolean().optional(),
  clientKey: storableText(1, 128).optional(),
})

/** Commands of a client, each answered by an ack, each the same use case as its REST twin. */
export const commands = {
  'message.send': sendMessageInput.extend({ conversationId }),
  'message.react': z.strictObject({
    conversationId,
    messageId: z.uuid(),
    emoji: z.string().max(32),
    clientMessageId: z.string().min(1).max(128),
  }),
  'note.add': noteInput.extend({ conversationId }),
  'conversation.read': z.strictObject({ conversationId, seq: z.number().int().min(0) }),
  'conversation.claim': z.strictObject({ conversationId }),
  'conversation.assign': z.strictObject({
    conversationId,
    userId: z.uuid().nullable().optional(),
    teamId: z.uuid().nullable().optional(),
  }),
  'conversation.set-status': z.strictObject({
    conversationId,
    status: conversationStatus.exclude(['snoozed']),
  }),
  'conversation.snooze': z.strictObject({ conversationId, snoozedUntil: z.iso.datetime() }),
  'conversation.label': z.strictObject({
    conversationId,
    add: z.array(storableText(1, 64)).max(50).optional(),
    remove: z.array(storableText(1, 64)).max(50).optional(),
  }),
  'deal.move': dealMove.extend({ dealId: z.int32().positive() }),
  'activity.complete': completeActivityBody.extend({ activityId: z.int32().positive() }),
  'session.renew': z.strictObject({ token: z.string().max(8192) }),
} as const
export type CommandName = keyof typeof commands
export type CommandInput<Name extends CommandName> = z.infer<(typeof commands)[Name]>

/** Signs of life: Redis only, never in the log, may be lost. Answered by an ack as well. */
export const ephemeralCommands = {
  'presence.set': z.strictObject({ state: z.enum(['online', 'away', 'busy']) }),
  'conversation.view': z.strictObject({ conversationId }),
  'conversation.leave': z.strictObject({ conversationId }),
  typing: z.strictObject({ conversationId, typing: z.boolean() }),
} as const
export type EphemeralName = keyof typeof ephemeralCommands

const userId = z.string()

/** What others hear of it. */
export const ephemeralEvents = {
  presence: z.strictObject({ userId, state: z.enum(['online', 'away', 'busy', 'offline']) }),
  typing: z.strictObject({ conversationId, userId, name: z.string(), typing: z.boolean() }),
  viewing: z.strictObject({ conversationId, userId, name: z.string(), viewing: z.boolean() }),
  composing: z.strictObject({ conversationId, contactId: z.number().int(), composing: z.boolean() }),
} as const
export type EphemeralEvents = {
  [Name in keyof typeof ephemeralEvents]: z.infer<(typeof ephemeralEvents)[Name]>
}

/** What each of them means. */
export const ephemeralMeanings: Readonly<Record<keyof EphemeralEvents, string>> = {
  presence: 'Somebody of the tenant came, went, or is busy.',
  typing: 'A colleague writes in a conversation that you have on screen, or stopped.',
  viewing: 'A colleague has a conversation on screen that you have on screen, or left it.',
  composing: 'The customer writes in a conversation that you have on screen, or stopped.',
}
