import { z } from 'zod'
import type { Actor } from '../../auth/actor.ts'
import { permit } from '../../auth/can.ts'
import { conversationVisibility } from '../../auth/conversation-visibility.ts'
import type { ConversationList, ListConversationsQuery } from '../../contract/rest/conversations.ts'
import { decodeCursor, encodeCursor } from '../../http/cursor.ts'
import { readTenant } from '../../log/read-tenant.ts'
import type { LogDeps } from '../../log/tenant-tx.ts'
import { contactText } from '../contacts/contact-text.ts'
import { isAmong, isOneOrNone } from '../records/common-filters.ts'
import { leadingMatches } from '../records/matching-text.ts'
import type { Bind } from '../records/record-kind.ts'
import { sortKeys } from '../records/sort-keys.ts'
import { viewConversations } from './load-conversations.ts'

type Query = <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>

/** Where a list goes on: with microseconds, for milliseconds would skip or repeat rows of one moment. */
const place = z.tuple([sortKeys.timestamptz, z.uuid()])

/** Contacts that a search for conversations looks at, the newest first. */
const mostContacts = 1000
/** Those that have one part of a text, among which it looks for the others. */
const mostLookedAt = 10_000

/**
 * Conversations that the actor may read, newest activity first, a full page whenever there are enough of them: the policy
 * is part of the statement. `q` finds the contact (its newest 1000 matches) or the conversation's number.
 */
export function listConversations(
  deps: Pick<LogDeps, 'db' | 'clock'>,
  actor: Actor,
  input: ListConversationsQuery & { readonly limit: number; readonly cursor?: string | undefined },
): Promise<ConversationList> {
  permit(actor, 'conversation.read')
  const after = input.cursor === undefined ? null : decodeCursor('conversations', input.cursor, place)
  return readTenant(deps, actor.tenantId, async (query) => {
    const values: unknown[] = [actor.tenantId]
    const bind = (value: unknown) => `$${values.push(value)}`
    const conditions = ['c.tenant_id = $1', ...filters(input, actor, bind)]
    if (input.q !== undefined) conditions.push(await matching(query, input.q, bind))
    if (after)
      conditions.push(
        `(c.last_activity_at, c.id) < (${bind(after[0])}::timestamptz, ${bind(after[1])}::uuid)`,
      )
    const visible = conversationVisibility(actor, values.length + 1)
    values.push(...visible.values)
    const rows = await query<{ id: string; at: string }>(
      `select c.id, c.last_activity_at::text as at from conversations c where ${conditions.join(' and ')} and ${visible.sql}
       order by c.last_activity_at desc, c.id desc limit ${bind(input.limit + 1)}`,
      values,
    )
    const page = rows.slice(0, input.limit)
    const views = await viewConversations(
      query,
      actor.tenantId,
      page.map((row) => row.id),
      deps.clock.now(),
    )
    const last = page.at(-1)
    return {
      data: page.flatMap((row) => views.get(row.id) ?? []),
      nextCursor:
        rows.length > input.limit && last ? encodeCursor('conversations', [last.at, last.id]) : null,
    }
  })
}

function filters(input: ListConversationsQuery, actor: Actor, bind: Bind): string[] {
  const { status, assignee, team, channel, label, contact } = input
  const found: string[] = []
  if (status) found.push(isAmong('c.status', status, 'text', bind))
  if (assignee) found.push(isOneOrNone('c.assignee_id', assignee, actor, bind))
  if (team) found.push(isOneOrNone('c.team_id', team, actor, bind))
  if (channel) found.push(isAmong('c.channel_id', channel, 'uuid', bind))
  if (contact) found.push(`c.contact_id = ${bind(contact)}`)
  if (label) found.push(`c.labels && ${bind(labelsIn(label))}::text[]`)
  return found
}

/** A label may have commas itself: then what they took apart is one. */
function labelsIn(given: readonly string[]): string[] {
  return [...given, given.join(',')].map((label) => label.trim())
}

async function matching(query: Query, q: string, bind: Bind): Promise<string> {
  const values: unknown[] = []
  const give = (value: unknown) => `$${values.push(value)}`
  const { find, rest } = leadingMatches(contactText, q)
  const contacts = await query<{ record_id: number }>(
    rest === null
      ? find({ most: mostContacts, deletedToo: false }, give)
      : `select r.id as record_id from (${find({ most: mostLookedAt, deletedToo: false }, give)}) f
         join contacts r on r.tenant_id = (select current_tenant()) and r.id = f.record_id
         where ${rest(give)} order by r.id desc limit ${mostContacts}`,
    values,
  )
  const byContact = `c.contact_id = any(${bind(contacts.map((row) => row.record_id))}::integer[])`
  const number = /^#?(\d{1,15})$/.exec(q.trim())?.[1]
  return number === undefined ? byContact : `(${byContact} or c.number = ${bind(Number(number))})`
}
