import { z } from 'zod'
import type { Actor } from '../../auth/actor.ts'
import { can } from '../../auth/can.ts'
import { contactVisibility } from '../../auth/contact-visibility.ts'
import { type ContactView, contactView } from '../../contract/records.ts'
import { severalOf } from '../../contract/rest/several.ts'
import { contactPart, wholeContact } from '../../contract/rest/contacts.ts'
import { prepareCustomValues } from '../custom-fields/prepare-custom-values.ts'
import { filter, isAmong, refersTo, timeFilters, timeSorts } from '../records/common-filters.ts'
import { matching } from '../records/matching-text.ts'
import type { RecordKind } from '../records/record-kind.ts'
import { contactText } from './contact-text.ts'
import { hearersOfContact } from './contact-sight.ts'
import { beforeContactReturns, prepareContact } from './prepare-contact.ts'
import { type ContactRow, contactColumnsOf, presentContact } from './present-contact.ts'
import { holdNewContacts } from './resolve-people.ts'
import { setIdentities } from './set-identities.ts'

const flag = (column: string) =>
  filter(z.enum(['true', 'false']), (wanted) => (wanted === 'true' ? column : `not ${column}`))

/**
 * Looked up for one contact after the other: the conversations of a channel have no index of their own, which each message would
 * have to write. CASE and no EXISTS, which the planner would answer for all conversations at once. A number that is closed to
 * whoever asks finds nobody: who is seen by another one is not told to write there too.
 */
const writesOn = filter(severalOf(z.uuid()), (asked, bind, actor) => {
  const channels = openTo(actor, asked)
  return channels.length === 0
    ? 'false'
    : `case when (select true from conversations c
          where c.tenant_id = r.tenant_id and c.contact_id = r.id and ${isAmong('c.channel_id', channels, 'uuid', bind)} limit 1)
          then true else false end`
})

/** Those of the numbers by which the actor may see who writes; all for whoever sees all contacts (contactVisibility). */
function openTo(actor: Actor, channels: readonly string[]): readonly string[] {
  if (actor.kind === 'system') return channels
  const { closedChannelIds: closed } = actor
  if (can(actor, 'record.read', { channelIds: [...closed] })) return channels
  return channels.filter((id) => !closed.has(id.toLowerCase()))
}

/** People and groups that write to us, and people of customers. */
export const contactKind: RecordKind<ContactRow, ContactView> = {
  noun: 'contact',
  path: 'contacts',
  table: 'contacts',
  select: contactColumnsOf('r'),
  joins: '',
  members: {
    customerId: { column: 'customer_id', type: 'integer' },
    firstName: { column: 'first_name', type: 'text' },
    lastName: { column: 'last_name', type: 'text' },
    nameEdited: { column: 'name_edited', type: 'boolean' },
    email: { column: 'email', type: 'text' },
    phone: { column: 'phone', type: 'text' },
    title: { column: 'title', type: 'text' },
    isPrimary: { column: 'is_primary', type: 'boolean' },
    language: { column: 'language', type: 'text' },
    timezone: { column: 'timezone', type: 'text' },
    blocked: { column: 'blocked', type: 'boolean' },
    customFields: { column: 'custom_fields', type: 'jsonb' },
  },
  view: contactView,
  whole: wholeContact,
  part: contactPart,
  filters: {
    q: matching(contactText),
    customerId: refersTo('r.customer_id'),
    blocked: flag('r.blocked'),
    isGroup: flag('r.is_group'),
    isPrimary: flag('r.is_primary'),
    channel: writesOn,
    ...timeFilters,
  },
  sorts: {
    ...timeSorts,
    name: { sql: 'r.name_key', type: 'text', order: 'asc' },
  },
  sortedBy: 'createdAt',
  customFields: 'contact',
  includes: ['customer'],
  present: presentContact,
  rights: {
    read: 'record.read',
    write: 'record.write',
    reach: {
      where: (actor, bind) => contactVisibility(actor, 'r', bind),
      hearers: (row) => hearersOfContact(row.id),
    },
  },
  constraints: { contacts_tenant_id_customer_id_fkey: 'customerId', contacts_one_primary: 'isPrimary' },
  // Addresses belong to one contact each: who writes some holds the right to make contacts, before any contact.
  lockFirst: async (tx, _id, values) => {
    if (values['phone'] !== undefined || values['identities'] !== undefined) await holdNewContacts(tx)
  },
  prepare: async (tx, change) =>
    prepareCustomValues(tx, 'contact', { ...change, values: await prepareContact(tx, change) }),
  beforeRestore: beforeContactReturns,
  follow: async (tx, id, { values, by }) => {
    if (Array.isArray(values.identities))
      await setIdentities(tx, by.actor, id, values.identities as ContactView['identities'])
  },
}
