import { z } from 'zod'
import type { Scope } from './scope.ts'

const ownedAction = z.enum(['deal.read', 'activity.read', 'import.read'])
const place = z.strictObject({
  channelId: z.uuid(),
  assigneeId: z.uuid().nullable(),
  teamId: z.uuid().nullable(),
})

const channelIds = z.array(z.uuid())
const subject = { contactId: z.number().int().optional(), channelIds: channelIds.optional() }
const about = z.strictObject({ contact: z.strictObject({ channelIds }).nullable(), channelIds })

/** A scope as it may stand in the log. What is new in `Scope` must be said here too, or `verify-log` calls it wrong. */
export const scopeShape: z.ZodType<Scope> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('tenant'), action: z.enum(['user.read', 'channel.read']).optional() }),
  z.strictObject({ kind: z.literal('managers') }),
  z.strictObject({ kind: z.literal('admins') }),
  z.strictObject({ kind: z.literal('user'), userId: z.uuid() }),
  z.strictObject({ kind: z.literal('conversation'), conversationId: z.uuid() }),
  z.strictObject({ kind: z.literal('lost-sight'), conversationId: z.uuid(), before: place }),
  z.strictObject({ kind: z.literal('contact'), contactId: z.number().int() }),
  z.strictObject({ kind: z.literal('lost-contact'), contactId: z.number().int() }),
  z.strictObject({ kind: z.literal('owned'), action: ownedAction, ownerId: z.uuid().nullable(), ...subject }),
  z.strictObject({
    kind: z.literal('lost-owned'),
    action: ownedAction,
    before: z.uuid().nullable(),
    was: about.optional(),
    after: z.uuid().nullable(),
    ...subject,
  }),
])
