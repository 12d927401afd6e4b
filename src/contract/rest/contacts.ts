import { z } from 'zod'
import { noteView } from '../conversation.ts'
import { activityView } from '../crm/activity.ts'
import { stageChangeView } from '../crm/deal.ts'
import { actorView } from '../events/define.ts'
import { messageView } from '../message.ts'
import { contactView } from '../records.ts'
import { patchesCustomValues, wholeCustomValues } from './custom-fields.ts'
import {
  line,
  optionalEmail,
  optionalLine,
  optionalPhone,
  timeZoneName,
  withoutTrunkZero,
} from './record-input.ts'

const digits = z
  .string()
  .max(40)
  .transform((text) => withoutTrunkZero(text).replaceAll(/[\s+().-]/g, ''))
  .pipe(z.string().regex(/^[1-9]\d{5,14}$/, 'expected a number with country code'))

const opaque = z
  .string()
  .trim()
  .regex(/^[\x21-\x7e]{1,128}$/, 'expected an id without blanks')

/**
 * An address that people write down. Numbers are kept as digits with country code, without "+"; usernames without "@" and
 * in lower case. A group is its only address, which the network gives.
 */
export const identityInput = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.enum(['phone', 'wa_id']), value: digits }),
  z.strictObject({ kind: z.enum(['bsuid', 'parent_bsuid']), value: opaque }),
  z.strictObject({ kind: z.literal('lid'), value: opaque.transform((text) => text.replace(/@lid$/, '')) }),
  z.strictObject({
    kind: z.literal('username'),
    value: opaque.transform((text) => text.replace(/^@/, '').toLowerCase()).pipe(z.string().min(1)),
  }),
])
export type IdentityInput = z.infer<typeof identityInput>

const identities = z.array(identityInput).max(50)
const language = z
  .string()
  .regex(/^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}$/, 'expected a language such as en or pt-BR')
  .nullable()
const customerId = z.int32().positive().nullable()

/** POST and PUT: a whole contact. What is left out is empty, save its addresses: `phone` and `identities` stay when left out. */
export const wholeContact = z.strictObject({
  firstName: line(255),
  lastName: optionalLine(255).default(null),
  email: optionalEmail.default(null),
  phone: optionalPhone.optional(),
  title: optionalLine(120).default(null),
  isPrimary: z.boolean().default(false),
  language: language.default(null),
  timezone: timeZoneName.nullable().default(null),
  blocked: z.boolean().default(false),
  customerId: customerId.default(null),
  identities: identities.optional(),
  customFields: wholeCustomValues,
})

/** PATCH: what is to change. `identities` are all of them. */
export const contactPart = patchesCustomValues(
  z.strictObject({
    firstName: line(255).optional(),
    lastName: optionalLine(255).optional(),
    email: optionalEmail.optional(),
    phone: optionalPhone.optional(),
    title: optionalLine(120).optional(),
    isPrimary: z.boolean().optional(),
    language: language.optional(),
    timezone: timeZoneName.nullable().optional(),
    blocked: z.boolean().optional(),
    customerId: customerId.optional(),
    identities: identities.optional(),
  }),
)

/** DELETE /admin/contacts/:id/identities, in the query. */
export const identityQuery = {
  kind: z.enum(['phone', 'wa_id', 'bsuid', 'parent_bsuid', 'lid', 'username']),
  value: z.string().min(1).max(128),
}

/** POST /admin/contacts/:id/merge: who goes into :id. */
export const mergeContactsBody = z.strictObject({ otherId: z.int32().positive() })

export const contactMergeView = z.strictObject({
  id: z.uuid(),
  /** Who goes on. */
  contactId: z.number().int(),
  /** Who went into it. */
  otherId: z.number().int(),
  mergedAt: z.iso.datetime(),
  /** null while it has not been taken back. */
  undoneAt: z.iso.datetime().nullable(),
})
export type ContactMergeView = z.infer<typeof contactMergeView>
export const mergeAnswer = z.strictObject({ data: contactView, merge: contactMergeView })

/** One line of GET /admin/contacts/merges. */
export const listedMergeView = contactMergeView.extend({
  /** Who said that they are one person. */
  by: actorView,
  /** As they are called now; empty when they have no name. */
  contactName: z.string(),
  otherName: z.string(),
  /** It can be taken back at least until then; null when it was, or when the contact that went on was deleted since. */
  undoableUntil: z.iso.datetime().nullable(),
  /** The later merge that has to be taken back first, because the contact that went on went into a third one. */
  waitsFor: z.uuid().nullable(),
})
export type ListedMergeView = z.infer<typeof listedMergeView>

/** Why contacts may be one person: a number, an e-mail address, or a name at one company. */
export const duplicateReasons = ['phone', 'email', 'name'] as const
export const duplicatesView = z.strictObject({
  reason: z.enum(duplicateReasons),
  /** What they have in common, as it was compared. */
  key: z.string(),
  /** Oldest first; 20 at most. */
  contacts: z.array(contactView),
})
export type DuplicatesView = z.infer<typeof duplicatesView>

/** What a person's story is told by. */
export const timelineKinds = ['message', 'note', 'activity', 'stage_change', 'edit'] as const

const at = z.iso.datetime()

/** A change of the contact's record by one of us. */
export const contactEdit = z.strictObject({
  /** Its number in the audit trail. */
  id: z.number().int(),
  /** Such as `contact.update` or `contact.merge`. */
  action: z.string(),
  by: actorView,
  /** Members that changed, from what to what. */
  changes: z.record(z.string(), z.strictObject({ from: z.unknown(), to: z.unknown() })),
})

/** One line of GET /admin/contacts/:id/timeline. `at` is when it was sent, written or done; of an activity, when it was made. */
export const timelineItem = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('message'), at, message: messageView }),
  z.strictObject({ kind: z.literal('note'), at, note: noteView }),
  z.strictObject({ kind: z.literal('activity'), at, activity: activityView }),
  z.strictObject({ kind: z.literal('stage_change'), at, stageChange: stageChangeView }),
  z.strictObject({ kind: z.literal('edit'), at, edit: contactEdit }),
])
export type TimelineItem = z.infer<typeof timelineItem>
export type TimelineKind = (typeof timelineKinds)[number]
