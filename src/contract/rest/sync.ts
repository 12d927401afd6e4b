import { z } from 'zod'
import { teamView } from '../access.ts'
import { channelView } from '../channel.ts'
import { conversationView } from '../conversation.ts'
import { wireEvent } from '../events/wire-event.ts'
import { positionText } from '../position.ts'
import { userView } from '../records.ts'

/** Everything a client holds at the start, as it was at `position`: go on from there with events. */
export const syncAnswer = z.strictObject({
  position: positionText,
  /** Newest activity first, those you may see. */
  conversations: z.array(conversationView),
  channels: z.array(channelView),
  users: z.array(userView),
  teams: z.array(teamView),
  /** There are more conversations than the snapshot holds (SYNC_CONVERSATIONS); the rest comes from the list. */
  truncated: z.boolean(),
})
export type SyncAnswer = z.infer<typeof syncAnswer>

/** Beside `limit`. */
export const eventsQuery = z.strictObject({ after: positionText })

/**
 * `position`: all up to here was considered for you, so the next call goes on from it even when `data` is empty.
 * `more`: the log goes on; false means caught up at the moment of the read.
 */
export const eventsAnswer = z.strictObject({
  data: z.array(wireEvent),
  position: positionText,
  more: z.boolean(),
})
