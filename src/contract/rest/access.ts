import { z } from 'zod'
import { channelMembers, keyDetail } from '../access.ts'
import { role } from '../records.ts'
import { instant, line, timeZoneName } from './record-input.ts'

/** Members that one body names. */
const userIds = z.array(z.uuid()).max(1000)

/** An e-mail address is the same whatever its case. */
const email = z.email().max(254)

export const newUser = z.strictObject({
  email,
  /** Default: the address. */
  name: line(200).optional(),
  role,
  /** Teams that they join at once. */
  teamIds: z.array(z.uuid()).max(100).optional(),
  /** Numbers that they become a member of at once. */
  channelIds: z.array(z.uuid()).max(100).optional(),
})
export type NewUser = z.infer<typeof newUser>

export const userPatch = z.strictObject({
  name: line(200).optional(),
  email: email.nullable().optional(),
  role: role.optional(),
})
export type UserPatch = z.infer<typeof userPatch>

export const newTeam = z.strictObject({ name: line(120), memberIds: userIds.default([]) })
export type NewTeam = z.infer<typeof newTeam>

export const teamPatch = z.strictObject({ name: line(120).optional(), memberIds: userIds.optional() })
export type TeamPatch = z.infer<typeof teamPatch>

export const channelMembersBody = z.strictObject({ membersOnly: z.boolean(), memberIds: userIds })

export const newKeyBody = z.strictObject({
  name: line(120),
  role,
  /** Names of actions as in GET /admin/me; empty or left out: all that the role may. */
  scopes: z.array(z.string().max(64)).max(100).default([]),
  /** null or left out: it does not end by itself. */
  expiresAt: instant.nullable().default(null),
  /** Requests and commands per minute; null or left out: as many as anybody. */
  ratePerMinute: z.int().min(1).max(1_000_000).nullable().default(null),
})

/** The only answer that ever holds the key; a repeat with the same Idempotency-Key has null in its place. */
export const newKeyView = keyDetail.extend({ key: z.string().nullable() })

const locale = z
  .string()
  .max(35)
  .transform((text, ctx) => {
    try {
      return Intl.getCanonicalLocales(text)[0] ?? text
    } catch {
      ctx.addIssue({ code: 'custom', message: 'expected a language such as de or pt-BR' })
      return z.NEVER
    }
  })

export const tenantPatch = z.strictObject({
  name: line(120).optional(),
  timeZone: timeZoneName.optional(),
  locale: locale.optional(),
  retention: z.strictObject({ mediaDays: z.int().min(1).max(36_500).nullable() }).optional(),
})
export type TenantPatch = z.infer<typeof tenantPatch>

/** GET and PUT /api/v1/channels/:id/members. */
export const channelMembersView = channelMembers.extend({ channelId: z.uuid(), version: z.number().int() })
