import { z } from 'zod'
import { conversationView, noteView } from './conversation.ts'
import { activityView } from './crm/activity.ts'
import { dealView } from './crm/deal.ts'
import { messageView } from './message.ts'
import { type CommandName, ephemeralEvents, type EphemeralName } from './socket.ts'

/** What the ack of a command carries as `data` when it succeeds. */
export const commandAnswers = {
  'message.send': messageView,
  'message.react': messageView,
  'note.add': noteView,
  'conversation.read': conversationView,
  'conversation.claim': conversationView,
  'conversation.assign': conversationView,
  'conversation.set-status': conversationView,
  'conversation.snooze': conversationView,
  'conversation.label': conversationView,
  'deal.move': dealView,
  'activity.complete': activityView,
  'session.renew': z.strictObject({ expiresAt: z.iso.datetime() }),
  /** Everybody who is not offline. */
  'presence.set': z.strictObject({ users: z.array(ephemeralEvents.presence) }),
  /** Who else has it on screen. */
  'conversation.view': z.strictObject({
    viewers: z.array(z.strictObject({ userId: z.string(), name: z.string() })),
  }),
  'conversation.leave': z.null(),
  typing: z.null(),
} as const satisfies Record<CommandName | EphemeralName, z.ZodType>

/** What each command does. */
export const commandMeanings: Readonly<Record<CommandName | EphemeralName, string>> = {
  'message.send': 'Sends a message.',
  'message.react': 'Reacts to a message; an empty emoji takes it back.',
  'note.add': 'Writes a private note.',
  'conversation.read': 'Marks a conversation as read up to a message.',
  'conversation.claim': 'Takes a conversation that nobody has.',
  'conversation.assign': 'Gives a conversation to a user or a team.',
  'conversation.set-status': 'Opens or resolves a conversation.',
  'conversation.snooze': 'Lets a conversation sleep until a time.',
  'conversation.label': 'Puts labels on a conversation and takes them off.',
  'deal.move': 'Moves a deal on its board.',
  'activity.complete': 'Completes an activity.',
  'session.renew': 'Brings a new token for the same user.',
  'presence.set': 'Says how the user is there.',
  'conversation.view': 'Has a conversation on screen from now on.',
  'conversation.leave': 'Has it on screen no more.',
  typing: 'Writes in a conversation, or stopped.',
}
