import type { Identity, Person } from '../../inbound.ts'
import { digitsOf, inner, listOf, recordOf, textIn, textOf } from '../../untrusted.ts'
import type { Part, Profile } from './part.ts'

/** The fields that name a user: `number` are digits, or a business-scoped id where Meta's own tests put one. */
export interface PersonFields {
  readonly number?: unknown
  readonly userId?: unknown
  readonly parentUserId?: unknown
}

export function profilesOf(contacts: unknown): readonly Profile[] {
  return listOf(contacts).flatMap((item) => {
    const contact = recordOf(item)
    if (contact === undefined) return []
    const profile = inner(contact, 'profile')
    return [
      {
        waId: digitsOf(contact.wa_id),
        userId: textIn(contact, 'user_id'),
        parentUserId: textIn(contact, 'parent_user_id'),
        name: textIn(profile, 'name')?.trim() || undefined,
        // Without "@" in the newest pages, with it in previews; case does not matter to WhatsApp.
        username: textIn(profile, 'username')?.replace(/^@/, '').toLowerCase() || undefined,
      },
    ]
  })
}

/**
 * The person that the fields name, with everything that a matching profile adds; undefined when nothing names anybody. A
 * profile matches by id, never by its index: there is one per user, not per message. Only when the fields are empty and
 * there is a single profile can it be nobody else.
 */
export function personOf(part: Pick<Part, 'profiles'>, fields: PersonFields): Person | undefined {
  const digits = digitsOf(fields.number)
  const strayUserId = digits === undefined ? textOf(fields.number) : undefined
  const userId = textOf(fields.userId) ?? strayUserId
  const parentUserId = textOf(fields.parentUserId)
  const nameless = digits === undefined && userId === undefined && parentUserId === undefined
  const profile = nameless
    ? part.profiles.length === 1
      ? part.profiles[0]
      : undefined
    : part.profiles.find(
        (candidate) =>
          (userId !== undefined && candidate.userId === userId) ||
          (digits !== undefined && candidate.waId === digits),
      )
  const identities = identitiesOf({
    bsuid: userId ?? profile?.userId,
    wa_id: profile?.waId ?? digits,
    phone: digits ?? profile?.waId,
    parent_bsuid: parentUserId ?? profile?.parentUserId,
    username: profile?.username,
  })
  if (identities.length === 0) return undefined
  return profile?.name === undefined ? { identities } : { identities, name: profile.name }
}

/** Identities in the order in which they should be looked up; empty ones left out. */
export function identitiesOf(values: { readonly [K in Identity['kind']]?: string | undefined }): Identity[] {
  const order = ['bsuid', 'wa_id', 'phone', 'parent_bsuid', 'group', 'username'] as const
  return order.flatMap((kind) => {
    const value = values[kind]
    return value === undefined || value === '' ? [] : [{ kind, value }]
  })
}
