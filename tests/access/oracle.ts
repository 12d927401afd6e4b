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

  /** Ids of records with an owner that somebody sees. */
  ownedBy(id: string, what: 'deals' | 'activities'): number[] {
    return this.#facts[what]
      .filter(({ owner }) => !this.#isAgent(id) || owner === null || owner === id)
      .map((one) => one.id)
  }

  /** Ids of the people that somebody sees. */
  contactsOf(id: string): number[] {
    return this.#facts.contacts
      .filter((contact) => {
        const theirs = this.#facts.conversations.filter((one) => one.contact === contact.id)
        return !this.#isAgent(id) || theirs.length === 0 || theirs.some((one) => this.#worksOn(id, one))
      })
      .map((contact) => contact.id)
  }

  /** Ids of the notes that somebody sees: about conversations and people. */
  notesOf(id: string): number[] {
    const [talks, people] = [new Set(this.conversationsOf(id)), new Set(this.contactsOf(id))]
    return this.#facts.notes
      .filter(({ conversation, contact }) =>
        conversation === null ? people.has(contact ?? 0) : talks.has(conversation),
      )
      .map((one) => one.id)
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
  readonly deals: readonly { id: number; owner: string | null }[]
  readonly activities: readonly { id: number; owner: string | null }[]
  readonly contacts: readonly { id: number }[]
  readonly notes: readonly { id: number; conversation: string | null; contact: number | null }[]
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
    deals: 'select id, owner_id as owner from deals where tenant_id = $1 and deleted_at is null',
    activities: 'select id, assignee_id as owner from activities where tenant_id = $1 and deleted_at is null',
    contacts: 'select id from contacts where tenant_id = $1 and deleted_at is null',
    notes:
      'select id, conversation_id as conversation, contact_id as contact from notes where tenant_id = $1 and deleted_at is null',
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
