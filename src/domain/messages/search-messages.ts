import { z } from 'zod'
import type { Actor } from '../../auth/actor.ts'
import { permit } from '../../auth/can.ts'
import { conversationVisibility } from '../../auth/conversation-visibility.ts'
import type { MessageHit } from '../../contract/rest/messages.ts'
import { decodeCursor, encodeCursor, type Page } from '../../http/cursor.ts'
import { readTenant } from '../../log/read-tenant.ts'
import type { LogDeps } from '../../log/tenant-tx.ts'
import { viewConversations } from '../conversations/load-conversations.ts'
import { sortKeys } from '../records/sort-keys.ts'
import { loadMessages } from './load-messages.ts'
import { presentMessage } from './present-message.ts'
import { messageWords } from './search-terms.ts'

const place = z.tuple([sortKeys.timestamptz, z.uuid()])

/** Matches that one request looks at, whoever may read them. */
const mostMatches = 2000

interface Match {
  id: string
  conversation_id: string
  at: string
  visible: boolean
}

/**
 * Messages that hold every word of `q` (their beginnings are enough, case and accents do not matter), newest first, of
 * conversations that the actor may read. The index knows words, not rights: when the newest 2000 matches held less
 * than a page for this actor, the page is short and its cursor goes on behind them.
 */
export function searchMessages(
  deps: Pick<LogDeps, 'db' | 'clock'>,
  actor: Actor,
  input: { readonly q: string; readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<MessageHit>> {
  permit(actor, 'conversation.read')
  const from = input.cursor === undefined ? null : decodeCursor('search messages', input.cursor, place)
  const words = messageWords(input.q)
  if (words === null) return Promise.resolve({ data: [], nextCursor: null })
  return readTenant(deps, actor.tenantId, async (query) => {
    const visible = conversationVisibility(actor, 6)
    const rows = await query<Match>(
      `select m.id, m.conversation_id, found.sent_at::text as at, ${visible.sql} as visible
       from find_messages($2, $3::timestamptz, $4::uuid, $5) found
       join messages m on m.tenant_id = $1 and m.id = found.message_id
       join conversations c on c.tenant_id = $1 and c.id = m.conversation_id
       order by found.sent_at desc, m.id desc`,
      [actor.tenantId, words, from?.[0] ?? null, from?.[1] ?? null, mostMatches, ...visible.values],
    )
    const readable = rows.filter((row) => row.visible)
    const page = readable.slice(0, input.limit)
    const unseen = rows.length === mostMatches ? rows.at(-1) : undefined
    const last = readable.length > input.limit ? page.at(-1) : unseen
    return {
      data: await showHits(query, actor.tenantId, page, deps.clock.now()),
      nextCursor: last ? encodeCursor('search messages', [last.at, last.id]) : null,
    }
  })
}

async function showHits(
  query: Parameters<typeof viewConversations>[0],
  tenantId: string,
  rows: readonly { id: string; conversation_id: string }[],
  now: Date,
): Promise<MessageHit[]> {
  const ids = rows.map((row) => row.id)
  const messages = new Map((await loadMessages(query, tenantId, ids)).map((row) => [row.id, row]))
  const conversationIds = [...new Set(rows.map((row) => row.conversation_id))]
  const conversations = await viewConversations(query, tenantId, conversationIds, now)
  return rows.flatMap((row) => {
    const message = messages.get(row.id)
    const conversation = conversations.get(row.conversation_id)
    if (!message || !conversation) return []
    const { id, number, contact, status } = conversation
    return [{ message: presentMessage(message), conversation: { id, number, contact, status } }]
  })
}
