import { z } from 'zod'
import { Failure } from '../contract/errors.ts'
import type { Role } from '../contract/records.ts'
import { isKeepable } from '../contract/text.ts'

/** Drivers of PostgreSQL hand BIGINT over as text, so both ways of writing one are the platform's. */
const platformId = z
  .union([
    z.number().int(),
    z
      .string()
      .regex(/^[1-9]\d{0,15}$/)
      .transform(Number),
  ])
  .refine((id) => Number.isSafeInteger(id) && id > 0)

/** Text of a claim: what the database cannot keep would fail there, or make two subjects one. */
export const claimText = (most: number) => z.string().max(most).refine(isKeepable)

/** What is neither absent nor true is no, whatever it was meant to be. */
export const emailVerified = z
  .unknown()
  .optional()
  .transform((said) => said === undefined || said === null || said === true)

/** Claims of the platform's tokens beside those that every token has. */
export const platformClaims = z.object({
  userid: platformId,
  usertype: z.string().regex(/^[A-Z]{1,8}$/),
  status: z.string().regex(/^[A-Z]{1,8}$/),
  whatsapp: z.union([claimText(40), z.number().int()]).nullish(),
  businessid: platformId.nullish(),
  email: claimText(320).nullish(),
  email_verified: emailVerified,
  name: claimText(200).nullish(),
})
export type PlatformClaims = z.infer<typeof platformClaims>

/** Whose tenant: that of the installation, the account's own, or the one of the business that it is linked to. */
export type Place = 'installation' | 'own' | 'linked'

/**
 * Where the type of an account leads: staff of the platform (`SA`, `AD`) to the tenant of the installation, owners of a
 * business (`BO`) to its own, and their clients (`CL`) to that of the business that they are linked to.
 */
const places: Readonly<Record<string, { role: Role; place: Place }>> = {
  SA: { role: 'admin', place: 'installation' },
  AD: { role: 'admin', place: 'installation' },
  BO: { role: 'admin', place: 'own' },
  CL: { role: 'viewer', place: 'linked' },
}

const active = 'A'

/**
 * What this account may be here. Fails with `account_inactive` unless its status is `A`, and with `usertype_denied` for
 * types that have no place here (`GW`, and what we do not know).
 */
export function placeOf({ usertype, status }: PlatformClaims): { role: Role; place: Place } {
  if (status !== active) throw new Failure('account_inactive', { status })
  const place = Object.hasOwn(places, usertype) ? places[usertype] : undefined
  if (!place) throw new Failure('usertype_denied', { usertype })
  return place
}
