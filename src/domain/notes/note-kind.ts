import { z } from 'zod'
import type { Actor } from '../../auth/actor.ts'
import { type NoteView, noteView } from '../../contract/conversation.ts'
import { severalOf } from '../../contract/rest/several.ts'
import { notePart, wholeNote } from '../../contract/rest/notes.ts'
import {
  anyOf,
  containing,
  filter,
  idOf,
  isAmong,
  refersTo,
  timeFilters,
  timeSorts,
} from '../records/common-filters.ts'
import type { RecordKind } from '../records/record-kind.ts'
import { presentNote } from './note-row.ts'
import { noteDeal, noteJoins, noteSight, type PlacedNote } from './note-sight.ts'
import { prepareNote } from './prepare-note.ts'

/** `me`, or an id: of a user, or of a key that wrote. */
const people = severalOf(z.union([z.literal('me'), z.uuid()]))
const idsOf = (asked: readonly string[], actor: Actor) =>
  asked.map((who) => (who === 'me' ? idOf(actor) : who))

/** What one of us writes about a customer, a contact, a deal or a conversation, for us alone. */
export const noteKind: RecordKind<PlacedNote, NoteView> = {
  noun: 'note',
  path: 'notes',
  table: 'notes',
  select: `r.id, r.body, r.pinned, r.mentions, r.author_id, r.author_name, r.customer_id, r.contact_id, r.deal_id, r.conversation_id,
    r.version, r.created_at, r.updated_at, r.deleted_at, d.owner_id as deal_owner, ${noteDeal}, c.channel_id, c.assignee_id, c.team_id,
    case when r.contact_id is not null then array(select distinct k.channel_id from conversations k
      where k.tenant_id = r.tenant_id and k.contact_id = r.contact_id) end as contact_channels`,
  joins: noteJoins,
  members: {
    body: { column: 'body', type: 'text' },
    pinned: { column: 'pinned', type: 'boolean' },
    mentions: { column: 'mentions', type: 'uuid[]' },
    authorId: { column: 'author_id', type: 'text' },
    authorName: { column: 'author_name', type: 'text' },
    customerId: { column: 'customer_id', type: 'integer' },
    contactId: { column: 'contact_id', type: 'integer' },
    dealId: { column: 'deal_id', type: 'integer' },
    conversationId: { column: 'conversation_id', type: 'uuid' },
  },
  view: noteView,
  whole: wholeNote,
  part: notePart,
  filters: {
    q: containing('search_key(r.body)'),
    customerId: refersTo('r.customer_id'),
    contactId: refersTo('r.contact_id'),
    dealId: refersTo('r.deal_id'),
    conversationId: anyOf('r.conversation_id', z.uuid(), 'uuid'),
    authorId: filter(people, (asked, bind, actor) =>
      isAmong('r.author_id', idsOf(asked, actor), 'text', bind),
    ),
    mentions: filter(people, (asked, bind, actor) => `r.mentions && ${bind(idsOf(asked, actor))}::uuid[]`),
    pinned: filter(z.enum(['true', 'false']), (wanted) => (wanted === 'true' ? 'r.pinned' : 'not r.pinned')),
    ...timeFilters,
  },
  sorts: timeSorts,
  sortedBy: 'createdAt',
  includes: ['author', 'mentions', 'customer', 'contact', 'deal', 'conversation'],
  present: presentNote,
  rights: { read: 'record.read', write: 'note.write', sight: noteSight },
  constraints: {},
  verbs: { created: 'added', updated: 'edited' },
  prepare: prepareNote,
}
