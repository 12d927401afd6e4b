import type { Actor } from '../../auth/actor.ts'
import { can } from '../../auth/can.ts'
import { conversationVisibility } from '../../auth/conversation-visibility.ts'
import { contactVisibility } from '../../auth/contact-visibility.ts'
import { dealVisibility } from '../../auth/owned-visibility.ts'
import { Failure } from '../../contract/errors.ts'
import type { OwnedPlace } from '../../log/scope.ts'
import { hearersOfContact } from '../contacts/contact-sight.ts'
import { hearersOf } from '../conversations/present-conversation.ts'
import type { Bind, Sight } from '../records/record-kind.ts'
import type { NoteRow } from './note-row.ts'

/** A note with what decides who sees it: the owner of its deal and what that is about, the place of its conversation. */
export interface PlacedNote extends NoteRow {
  deal_owner: string | null
  deal_contact: number | null
  /** Numbers of the contact of its deal; null when that is about none. */
  deal_contact_channels: string[] | null
  /** Numbers of the conversations of its deal. */
  deal_channels: string[] | null
  channel_id: string | null
  assignee_id: string | null
  team_id: string | null
  /** Numbers of its contact; null when it is about none. */
  contact_channels: string[] | null
}

/** The joins of a PlacedNote, for `from notes r`. */
export const noteJoins = `left join deals d on d.tenant_id = r.tenant_id and d.id = r.deal_id
  left join conversations c on c.tenant_id = r.tenant_id and c.id = r.conversation_id`

/** What the deal of a PlacedNote is about, for `select … from notes r` with the joins. */
export const noteDeal = `d.contact_id as deal_contact, case when d.owner_id is null and d.contact_id is not null
    then channels_of_contact(d.contact_id) end as deal_contact_channels,
  case when d.id is not null and d.owner_id is null then array(select distinct talk.channel_id from deal_conversations link
    join conversations talk on talk.tenant_id = link.tenant_id and talk.id = link.conversation_id
    where link.tenant_id = d.tenant_id and link.deal_id = d.id) end as deal_channels`

/**
 * Whoever sees the deal or the conversation sees its notes; and whoever sees the contact
 * those about it; those of customers are everybody's. What somebody
 * wrote is changed by them, and by managers.
 */
export const noteSight: Sight<PlacedNote> = {
  where: (actor, bind) =>
    `(r.customer_id is not null
      or (r.contact_id is not null and ${contactCondition(actor, bind)})
      or (r.deal_id is not null and ${dealVisibility(actor, 'd', bind)})
      or (r.conversation_id is not null and ${conversationCondition(actor, bind)}))`,
  sees: (actor, row) => {
    if (row.deal_id !== null) return can(actor, 'deal.read', placeOfDeal(row))
    if (row.contact_id !== null) return can(actor, 'record.read', { channelIds: row.contact_channels ?? [] })
    if (row.conversation_id === null) return true
    const { channel_id: channelId, assignee_id: assigneeId, team_id: teamId } = row
    return channelId !== null && can(actor, 'conversation.read', { channelId, assigneeId, teamId })
  },
  mayWrite: (actor, row) => {
    const isOwn = actor.kind === 'system' || actor.id === row.author_id
    if (!isOwn && !can(actor, 'note.moderate')) throw new Failure('forbidden')
  },
  hearers: (row) => {
    if (row.conversation_id !== null) return hearersOf(row.conversation_id)
    if (row.contact_id !== null) return hearersOfContact(row.contact_id)
    if (row.deal_id === null) return { kind: 'tenant' }
    const owned = { kind: 'owned', action: 'deal.read', ownerId: row.deal_owner } as const
    if (row.deal_owner !== null) return owned
    const contact = row.deal_contact === null ? {} : { contactId: row.deal_contact }
    return { ...owned, ...contact, channelIds: row.deal_channels ?? [] }
  },
}

function placeOfDeal(row: PlacedNote): OwnedPlace {
  const { deal_owner: ownerId, deal_contact_channels: channels, deal_channels: channelIds } = row
  return {
    ownerId,
    about: { contact: channels && { channelIds: channels }, channelIds: channelIds ?? [] },
  }
}

/** The rule of can.ts for the contact of a note `r`, as SQL. */
function contactCondition(actor: Actor, bind: Bind): string {
  const visible = contactVisibility(actor, 'ct', bind)
  return visible === 'true'
    ? visible
    : // No EXISTS, which the planner may answer for everybody of the tenant at once.
      `coalesce((select ${visible} from contacts ct where ct.tenant_id = r.tenant_id and ct.id = r.contact_id), false)`
}

/** The rule of can.ts for conversations `c`, as SQL. */
export function conversationCondition(actor: Actor, bind: Bind): string {
  const { sql, values } = conversationVisibility(actor, 1)
  const places = values.map(bind)
  return `(${sql.replaceAll(/\$(\d)/g, (_, place: string) => places[Number(place) - 1] ?? '')})`
}
