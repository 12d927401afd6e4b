import { z } from 'zod'
import { role, userView } from './records.ts'

/** People who share conversations: what is given to a team is near to each of its members. */
export const teamView = z.strictObject({
  id: z.uuid(),
  name: z.string(),
  memberIds: z.array(z.uuid()),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  version: z.number().int(),
})
export type TeamView = z.infer<typeof teamView>

/** Who works on a number. */
export const channelMembers = z.strictObject({
  /** Only members (and who sees everything anyway) see its conversations; false: everybody may. */
  membersOnly: z.boolean(),
  /** Kept also while they do not count, so that closing a number again does not begin anew. */
  memberIds: z.array(z.uuid()),
})
export type ChannelMembers = z.infer<typeof channelMembers>

/** What is known of a key; the key itself is known to its holder only. */
export const keyView = z.strictObject({
  id: z.uuid(),
  name: z.string(),
  /** How the key begins, to tell keys apart. */
  prefix: z.string(),
  role,
  /** Actions that it is limited to; empty: all that its role may. */
  scopes: z.array(z.string()),
  /** Requests and commands per minute; null: as many as anybody. */
  ratePerMinute: z.number().int().nullable(),
  expiresAt: z.iso.datetime().nullable(),
  lastUsedAt: z.iso.datetime().nullable(),
  revokedAt: z.iso.datetime().nullable(),
  createdAt: z.iso.datetime(),
})
export type KeyView = z.infer<typeof keyView>

/** A key and who made it, as they are now. It lives on without them, so that programs do not stop when people leave. */
export const keyDetail = keyView.extend({
  /** null: the key is older than this record. */
  createdBy: z
    .strictObject({
      /** `system`: the command line. */
      kind: z.enum(['user', 'key', 'system']),
      id: z.uuid().nullable(),
      name: z.string(),
      role: role.nullable(),
      /** Anything but `active`: look whether the key is still wanted. null for the command line. */
      status: z.enum(['active', 'disabled', 'revoked', 'expired']).nullable(),
    })
    .nullable(),
})
export type KeyDetail = z.infer<typeof keyDetail>

/** A user with what they belong to. */
export const userDetail = userView.extend({
  teamIds: z.array(z.uuid()),
  /** Numbers that they are a member of; it counts for those that have members only. */
  channelIds: z.array(z.uuid()),
  /** They were invited and have not come yet. */
  invited: z.boolean(),
})
export type UserDetail = z.infer<typeof userDetail>

export const tenantLimits = z.strictObject({
  /** People who may come in, invited ones too. */
  users: z.number().int(),
  teams: z.number().int(),
  /** Keys that are neither revoked nor over. */
  keys: z.number().int(),
  channels: z.number().int(),
})
export type TenantLimits = z.infer<typeof tenantLimits>

export const tenantSettings = z.strictObject({
  id: z.uuid(),
  slug: z.string(),
  name: z.string(),
  status: z.enum(['active', 'suspended']),
  /** IANA name: where the days of reports and due dates begin and end. */
  timeZone: z.string(),
  /** BCP 47: the language that screens begin with. */
  locale: z.string(),
  retention: z.strictObject({
    /** Files of messages go after so many days; null: they stay. */
    mediaDays: z.number().int().nullable(),
  }),
  /** How many of each there may be; the operator of the installation decides. */
  limits: tenantLimits,
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  version: z.number().int(),
})
export type TenantSettings = z.infer<typeof tenantSettings>
