import type { z } from 'zod'
import { type Actor, presentActor } from '../../auth/actor.ts'
import { permit } from '../../auth/can.ts'
import type { ConversationView, NoteView } from '../../contract/conversation.ts'
import { Failure } from '../../contract/errors.ts'
import { invalid } from '../../http/faults.ts'
import type { noteInput } from '../../contract/socket.ts'
import { inTenant, type LogDeps, type TenantTx } from '../../log/tenant-tx.ts'
import { recordAudit } from '../audit/record-audit.ts'
import type { Origin } from '../conversations/audit-conversation.ts'
import { lockConversation, viewConversation } from '../conversations/load-conversations.ts'
import { hearersOf, placeOf } from '../conversations/present-conversation.ts'
import { type NoteRow, noteColumns, presentNote } from './note-row.ts'

export interface AddedNote {
  readonly note: NoteView
  /** The conversation, which a note does not change. */
  readonly conversation: ConversationView
  /** The key was used before: `note` is the first one as it is now, and nothing was written. */
  readonly repeated: boolean
}

type NewNote = z.infer<typeof noteInput> & { readonly conversationId: string }

/** Writes a private note in a conversation, in a transaction of its own; see writeNote. */
export function addNote(
  deps: LogDeps,
  actor: Actor,
  input: NewNote,
  origin: Origin = {},
): Promise<AddedNote> {
  return inTenant(deps, actor.tenantId, (tx) => writeNote(tx, actor, input, origin), presentActor(actor))
}

/**
 * Writes a private note in a conversation. One `clientKey` of one author, one note (CON8).
 * Fails with `validation_failed` when somebody is mentioned who is no active user, and with `idempotency_key_reused` when
 * the key belongs to a note with another text or in another conversation.
 */
export async function writeNote(
  tx: TenantTx,
  actor: Actor,
  input: NewNote,
  origin: Origin,
): Promise<AddedNote> {
  const row = await lockConversation(tx, input.conversationId)
  permit(actor, 'note.write', placeOf(row))
  const mentions = [...new Set(input.mentions)]
  await requireActiveUsers(tx, mentions)
  const author = actor.kind === 'system' ? { id: 'system', name: actor.name } : actor
  const [made] = await tx.query<NoteRow>(
    `insert into notes (tenant_id, body, pinned, mentions, author_id, author_name, conversation_id, client_key, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
     on conflict (tenant_id, author_id, client_key) where client_key is not null do nothing returning ${noteColumns}`,
    [
      tx.tenantId,
      input.body,
      input.pinned ?? false,
      mentions,
      author.id,
      author.name,
      row.id,
      input.clientKey ?? null,
      tx.now,
    ],
  )
  const conversation = await viewConversation(tx, row.id)
  if (!made) return { note: await firstNote(tx, author.id, input), conversation, repeated: true }
  const note = presentNote(made)
  tx.record('note.added', { note }, hearersOf(row.id))
  recordAudit(tx, {
    by: { actor, ...origin },
    action: 'note.add',
    entity: 'note',
    entityId: note.id,
    after: note,
  })
  return { note, conversation, repeated: false }
}

async function firstNote(
  tx: TenantTx,
  authorId: string,
  input: { body: string; conversationId: string; clientKey?: string | undefined },
): Promise<NoteView> {
  const [row] = await tx.query<NoteRow>(
    `select ${noteColumns} from notes where tenant_id = $1 and author_id = $2 and client_key = $3`,
    [tx.tenantId, authorId, input.clientKey],
  )
  // An edited note answers a repeat all the same: the key was used for it, whatever it says by now.
  const same =
    row !== undefined &&
    row.conversation_id === input.conversationId &&
    (row.body === input.body || row.version > 1)
  if (!same) throw new Failure('idempotency_key_reused', {})
  return presentNote(row)
}

/** Fails with `validation_failed` at the first who is no active user. */
export async function requireActiveUsers(tx: TenantTx, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  const found = await tx.query<{ id: string }>(
    `select id from users where tenant_id = $1 and id = any($2) and status = 'active'`,
    [tx.tenantId, ids],
  )
  if (found.length < ids.length) {
    const known = new Set(found.map((user) => user.id))
    throw invalid([
      {
        in: 'body',
        pointer: `/mentions/${ids.findIndex((id) => !known.has(id))}`,
        message: 'there is no such active user',
      },
    ])
  }
}
