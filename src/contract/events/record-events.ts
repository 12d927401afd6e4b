import { z } from 'zod'
import { channelView, templateView } from '../channel.ts'
import { contactView } from '../records.ts'
import { event } from './define.ts'

export const recordEvents = [
  event('contact.created', 'contact', 'We know a new person.', { contact: contactView }),
  event('contact.updated', 'contact', 'A name, an address or another fact about a person changed.', {
    contact: contactView,
  }),
  event(
    'contact.deleted',
    'contact',
    'A person was deleted, or went into another contact; they can come back.',
    {
      contact: contactView,
    },
  ),
  event('contact.restored', 'contact', 'A deleted person is back.', { contact: contactView }),
  event('contact.hidden', 'lost sight', 'You may no longer see a person: forget them.', {
    contactId: z.number().int(),
    version: z.number().int(),
  }),
  event('consent.changed', 'contact', 'A person allowed or forbade marketing.', {
    contactId: z.number().int(),
    category: z.enum(['marketing']),
    granted: z.boolean(),
    source: z.string(),
    at: z.iso.datetime(),
    /** The contact's version since then; facts of former times do not say it. */
    version: z.number().int().optional(),
  }),
  event('channel.created', 'channel readers', 'A number was connected.', { channel: channelView }),
  event('channel.removed', 'channel readers', 'A number was removed.', { channelId: z.uuid() }),
  event('template.updated', 'channel readers', 'A template was approved, rejected, paused or changed.', {
    template: templateView,
  }),
] as const
