import type { Hub } from '../harness/hub.ts'
import { asSuperuser } from '../cli/cli.ts'

/**
 * What everybody may see, judged from the tables by a rule of its own, written from the words of docs/access.md: it shares no
 * line with the policy that it checks.
 */
export class Truth {
  readonly #facts: Facts

  constructor(facts: Facts) {
    this.#facts = facts
  }

  /** Ids of the conversations that somebody sees. */
  conversationsOf(id: string): string[] {
    return this.#facts.conversations.filter((one) => this.#sees(id, one)).map((one) => one.id)
  }

  /** Ids of deals and activities that somebody sees. */
  ownedBy(id: string, what: 'deals' | 'activities'): number[] {
    return this.#facts[what].filter((one) => this.#seesOwned(id, one)).map((one) => one.id)
  }

  /** Ids of deals that are nobody's. */
  freeDeals(): number[] {
    return this.#facts.deals.filter(({ owner }) => owner === null).map(({ id }) => id)
  }

  /** Ids of the people that somebody sees. */
  contactsOf(id: string): number[] {
    return this.#facts.contacts.filter((one) => this.#seesContact(id, one.id)).map((one) => one.id)
  }

  /** Ids of the notes that somebody sees: about conversations, people and deals. */
  notesOf(id: string): number[] {
    const talks = new Set(this.conversationsOf(id))
    const [people, deals] = [new Set(this.contactsOf(id)), new Set(this.ownedBy(id, 'deals'))]
    return this.#facts.notes
      .filter(
        ({ conversation, contact, deal }) =>
          (conversation !== null && talks.has(conversation)) ||
          (contact !== null && people.has(contact)) ||
          (deal !== null && deals.has(deal)),
      )
      .map((one) => one.id)
  }

  /** Whose a conversation is. */
  contactOf(conversationId: string): number {
    return this.#facts.conversations.find(({ id }) => id === conversationId)?.contact ?? 0
  }

  isIn(id: string): boolean {
    return this.#facts.people.some((one) => one.id === id && one.active)
  }

  #isAgent(id: string): boolean {
    return this.#facts.people.some((one) => one.id === id && one.role === 'agent')
  }

  #worksOn(id: string, { channel, closed }: Facts['conversations'][number]): boolean {
    return !closed || this.#facts.members.some((one) => one.channel === channel && one.person === id)
  }

  #seesContact(id: string, contact: number): boolean {
    const theirs = this.#facts.conversations.filter((one) => one.contact === contact)
    return !this.#isAgent(id) || theirs.length === 0 || theirs.some((one) => this.#worksOn(id, one))
  }

  /** Their own; and what is nobody's, unless it is about somebody or something on a number that they do not work on. */
  #seesOwned(id: string, { owner, contact, talks, deal }: Facts['deals'][number]): boolean {
    if (!this.#isAgent(id) || owner === id) return true
    const of = this.#facts.deals.find((one) => one.id === deal)
    const people = contact ?? of?.contact ?? null
    const places = this.#facts.conversations.filter((one) =>
      [...talks, ...(of?.talks ?? [])].includes(one.id),
    )
    const isHidden = people !== null && !this.#seesContact(id, people)
    return owner === null && !isHidden && places.every((one) => this.#worksOn(id, one))
  }

  #sees(id: string, conversation: Facts['conversations'][number]): boolean {
    const { assignee, team } = conversation
    if (!this.#isAgent(id)) return true
    if (!this.#worksOn(id, conversation)) return false
    const teams = this.#facts.teams.filter(({ person }) => person === id).map((one) => one.team)
    const isFree = assignee === null && team === null
    return isFree || assignee === id || (team !== null && teams.includes(team))
  }
}

interface Facts {
  readonly people: readonly { id: string; role: string; active: boolean }[]
  readonly teams: readonly { team: string; person: string }[]
  readonly members: readonly { channel: string; person: string }[]
  readonly conversations: readonly {
    id: string
    channel: string
    contact: number
    closed: boolean
    assignee: string | null
    team: string | null
  }[]
  readonly deals: readonly Owned[]
  readonly activities: readonly Owned[]
  readonly contacts: readonly { id: number }[]
  readonly notes: readonly {
    id: number
    conversation: string | null
    contact: number | null
    deal: number | null
  }[]
}

interface Owned {
  readonly id: number
  readonly owner: string | null
  readonly contact: number | null
  readonly talks: readonly string[]
  readonly deal: number | null
}

/** The tables as they are, read past all row security. */
export function readTruth(hub: Hub): Promise<Truth> {
  const statements = {
    people: `select id, role, status = 'active' as active from users where tenant_id = $1
      union all select id, role, revoked_at is null from api_keys where tenant_id = $1`,
    teams: 'select team_id as team, user_id as person from team_members where tenant_id = $1',
    members: 'select channel_id as channel, user_id as person from channel_members where tenant_id = $1',
    conversations: `select c.id, c.channel_id as channel, c.contact_id as contact, h.members_only as closed, c.assignee_id as assignee, c.team_id as team
      from conversations c join channels h on h.id = c.channel_id where c.tenant_id = $1`,
    deals: `select id, owner_id as owner, contact_id as contact, null as deal,
      array(select l.conversation_id::text from deal_conversations l where l.deal_id = d.id) as talks
      from deals d where tenant_id = $1 and deleted_at is null`,
    activities: `select id, assignee_id as owner, contact_id as contact, deal_id as deal,
      array_remove(array[conversation_id::text], null) as talks from activities where tenant_id = $1 and deleted_at is null`,
    contacts: 'select id from contacts where tenant_id = $1 and deleted_at is null',
    notes:
      'select id, conversation_id as conversation, contact_id as contact, deal_id as deal from notes where tenant_id = $1 and deleted_at is null',
  }
  return asSuperuser(hub, async (query) => {
    const facts: Record<string, unknown> = {}
    for (const [name, text] of Object.entries(statements)) {
      const { rows } = await query(text, [hub.tenant.id])
      facts[name] = rows
    }
    return new Truth(facts as unknown as Facts)
  })
}
