import type { TenantTx } from '../../log/tenant-tx.ts'
import type { MessageType } from '../../contract/message.ts'
import type { InboundEdit, InboundRevoke } from '../../providers/inbound.ts'
import { hearersOf } from '../conversations/present-conversation.ts'
import { isDeepStrictEqual } from 'node:util'
import { type Chat, findChats, findPeople, type FoundPerson } from './find-people.ts'
import type { MessageRow } from './message-row.ts'
import type { News } from './message-update.ts'
import { presentMessage } from './present-message.ts'

type Change = News<InboundEdit | InboundRevoke>

/** Nobody wrote these. */
const wordless: ReadonlySet<MessageType> = new Set<MessageType>(['reaction', 'system', 'call'])

/** What a message said before. `by` is the network's id of the edit that replaced it; null when a deletion did. */
interface Version {
  readonly message_id: string
  readonly place: number
  readonly text: string | null
  readonly payload: Record<string, unknown>
  readonly replaced_at: string
  readonly replaced_by: string | null
}

/**
 * Edits and deletes messages for those who wrote them, keeps what they said before, and announces it (UPD5, UPD6). The
 * newest edit counts; of two in one second the one that came later. A deleted message stays deleted.
 */
export async function recordChanges(tx: TenantTx, news: readonly Change[]): Promise<void> {
  const theirs = await leaveOutStrangers(tx, news)
  const open = theirs.filter(({ message }) => message.deleted_at === null)
  if (open.length === 0) return
  const known = await findKnownEdits(tx, open)
  const versions: Version[] = []
  const changed = new Map<string, MessageRow>()
  for (const { update, message } of open) {
    if (message.deleted_at !== null) continue
    const at = update.at.toISOString()
    const version = {
      message_id: message.id,
      place: versions.filter((one) => one.message_id === message.id).length + 1,
      text: message.text,
      payload: message.payload,
      replaced_at: at,
    }
    const scope = hearersOf(message.conversation_id)
    if (update.kind === 'revoke') {
      versions.push({ ...version, replaced_by: null })
      Object.assign(message, { text: null, payload: {}, reactions: [], deleted_at: at })
      tx.record('message.deleted', { message: presentMessage(message) }, scope, { kind: 'provider' })
    } else {
      const key = keyOf(message.id, update.providerMessageId)
      if (known.has(key) || wordless.has(message.type) || isOlder(update, message)) continue
      const content = contentAfter(update, message)
      const isSame = isDeepStrictEqual(content, { text: message.text, payload: message.payload })
      if (isSame && message.edited_at !== null) continue
      known.add(key)
      if (!isSame) versions.push({ ...version, replaced_by: update.providerMessageId })
      Object.assign(message, content, { edited_at: at })
      tx.record('message.edited', { message: presentMessage(message) }, scope, { kind: 'provider' })
    }
    changed.set(message.id, message)
  }
  await write(tx, [...changed.values()], versions)
}

const keyOf = (messageId: string, editId: string) => `${messageId} ${editId}`

function isOlder({ at }: InboundEdit, { edited_at: before }: MessageRow): boolean {
  return before !== null && at.getTime() < Date.parse(before)
}

/** An edit brings text and what goes with its type; what else the message holds (where it was forwarded from, an ad) stays. */
function contentAfter(
  edit: InboundEdit,
  { type, payload }: MessageRow,
): Pick<MessageRow, 'text' | 'payload'> {
  const fits = edit.type === undefined || edit.type === type
  return { text: edit.text, payload: fits ? { ...payload, ...edit.payload } : payload }
}

/**
 * Only whoever wrote a message changes it: the other side of a chat does not, when the network says which side it was, and
 * neither does somebody whom we know from another chat.
 */
async function leaveOutStrangers(tx: TenantTx, news: readonly Change[]): Promise<Change[]> {
  const ownSide = news.filter(
    ({ update, message }) => update.direction === undefined || update.direction === message.direction,
  )
  const named = ownSide.filter(({ update }) => update.chat !== undefined)
  if (named.length === 0) return ownSide
  const chats = await findChats(
    tx,
    named.map(({ message }) => message.conversation_id),
  )
  const find = await findPeople(
    tx,
    named.flatMap(({ update }) => update.chat ?? []),
  )
  return ownSide.filter(({ update, message }) =>
    isTheChat(update.chat && find(update.chat), chats.get(message.conversation_id)),
  )
}

function isTheChat(found: FoundPerson | undefined, chat: Chat | undefined): boolean {
  return found === undefined || found.id === chat?.contactId
}

/** Edits that were applied before, by message and edit. */
async function findKnownEdits(tx: TenantTx, news: readonly Change[]): Promise<Set<string>> {
  const edits = news.flatMap(({ update, message }) =>
    update.kind === 'edit' ? [{ message_id: message.id, edit_id: update.providerMessageId }] : [],
  )
  if (edits.length === 0) return new Set()
  const rows = await tx.query<{ message_id: string; edit_id: string }>(
    `select v.message_id, v.edit_id from json_to_recordset($2) as v(message_id uuid, edit_id text)
     join message_versions o on o.tenant_id = $1 and o.message_id = v.message_id and o.replaced_by = v.edit_id`,
    [tx.tenantId, JSON.stringify(edits)],
  )
  return new Set(rows.map((row) => keyOf(row.message_id, row.edit_id)))
}

async function write(
  tx: TenantTx,
  messages: readonly MessageRow[],
  versions: readonly Version[],
): Promise<void> {
  if (messages.length === 0) return
  await tx.query(
    `with kept as (
       insert into message_versions (tenant_id, message_id, version, text, payload, replaced_at, replaced_by)
       select $1, v.message_id, v.place + coalesce((
           select max(o.version) from message_versions o where o.tenant_id = $1 and o.message_id = v.message_id), 0),
         v.text, v.payload, v.replaced_at, v.replaced_by
       from json_to_recordset($2) as v(message_id uuid, place integer, text text, payload jsonb, replaced_at timestamptz, replaced_by text))
     update messages m set text = u.text, payload = u.payload, reactions = u.reactions, edited_at = u.edited_at, deleted_at = u.deleted_at
     from json_to_recordset($3) as u(id uuid, text text, payload jsonb, reactions jsonb, edited_at timestamptz, deleted_at timestamptz)
     where m.tenant_id = $1 and m.id = u.id`,
    [
      tx.tenantId,
      JSON.stringify(versions),
      JSON.stringify(
        messages.map(({ id, text, payload, reactions, edited_at, deleted_at }) => ({
          id,
          text,
          payload,
          reactions,
          edited_at,
          deleted_at,
        })),
      ),
    ],
  )
}
