import { permit } from '../../auth/can.ts'
import { Failure } from '../../contract/errors.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { changeConversation } from '../conversations/change-conversation.ts'
import { lockConversations } from '../conversations/load-conversations.ts'
import { moveConversations } from '../conversations/move-conversations.ts'
import { lockContacts } from '../conversations/open-conversation.ts'
import { hearersOfContact, requireContacts, retellContacts } from './contact-sight.ts'
import type { Merged } from './merge-contact.ts'
import {
  type MergedContact,
  type MergeRow,
  type MovedConversation,
  presentMerge,
  readMerged,
  writeMerged,
} from './merge-ledger.ts'
import { unmergePlan } from './merge-plan.ts'
import { moveConsents, shareRefusal } from './move-consents.ts'
import { moveRecords } from './move-records.ts'
import { viewContacts } from './present-contact.ts'
import { holdNewContacts } from './resolve-people.ts'

/**
 * They are two people after all: the contact that went into another is back, with everything that moved and is still there.
 * What was written or changed since the merge stays as it is, and so does what the other person wrote in conversations of the
 * one that went on. A "no" to marketing that was said since the merge counts for both. Answers with the contact that went on. Fails with `not_found`, and with `conflict` when it was taken
 * back already, or when the contact that went on is deleted or went into a third (`details.contactId`: take that back first).
 * Locks in order: the right to make contacts, the contacts by id, the merge, what moves.
 */
export async function undoMerge(tx: TenantTx, by: Doer, mergeId: string): Promise<Merged> {
  permit(by.actor, 'record.write')
  await holdNewContacts(tx)
  const known = await findMerge(tx, mergeId, '')
  await requireContacts(tx.query.bind(tx), by.actor, [known.contact_id])
  await lockContacts(tx, [known.contact_id, known.other_id])
  const merge = await findMerge(tx, mergeId, 'for no key update')
  if (merge.undone_at !== null) throw new Failure('conflict', { undoneAt: merge.undone_at })
  const { contact_id: id, other_id: otherId, moved } = merge
  const contacts = await readMerged(tx, [id, otherId])
  const [winner, other] = [contacts.get(id), contacts.get(otherId)]
  if (!winner || !other || winner.deleted_at !== null) throw new Failure('conflict', { contactId: id })
  const query = tx.query.bind(tx)
  const [before] = await viewContacts(query, tx.tenantId, [id])

  await writeMerged(tx, id, unmergePlan(winner, moved))
  await writeMerged(tx, otherId, {
    deleted_at: null,
    merged_into: null,
    is_primary: await mayComeFirst(tx, other),
  })
  await tx.query(
    `update contact_identities i set contact_id = $3
     from json_to_recordset($4) as v(kind text, value text)
     where i.tenant_id = $1 and i.contact_id = $2 and i.kind = v.kind and i.value = v.value`,
    [tx.tenantId, id, otherId, JSON.stringify(moved.identities)],
  )
  await keepNumbersAmongAddresses(tx, [id, otherId])
  if (moved.consents) await moveConsents(tx, { from: id, to: otherId }, moved.consents)
  await shareRefusal(tx, { from: id, to: otherId, since: merge.merged_at })
  await giveConversationsBack(tx, id, otherId, moved.conversations)
  await moveRecords(tx, by, { from: id, to: otherId }, moved)
  await tx.query('update contact_merges set undone_at = $3 where tenant_id = $1 and id = $2', [
    tx.tenantId,
    mergeId,
    tx.now,
  ])

  const [back] = await viewContacts(query, tx.tenantId, [otherId])
  const [contact] = await viewContacts(query, tx.tenantId, [id])
  if (!back || !contact) throw new Error('contacts of a merge are not there')
  tx.record('contact.restored', { contact: back }, hearersOfContact(otherId))
  tx.record('contact.updated', { contact }, hearersOfContact(id))
  await retellContacts(tx, [id, otherId], { gone: [] })
  const undone = presentMerge({ ...merge, undone_at: tx.now.toISOString() })
  const entry = { by, action: 'contact.unmerge', entity: 'contact' }
  recordAudit(tx, { ...entry, entityId: id, before: before ?? null, after: { ...contact, merge: undone } })
  recordAudit(tx, { ...entry, entityId: otherId, after: { ...back, merge: undone } })
  return { data: contact, merge: undone }
}

async function findMerge(tx: TenantTx, id: string, lock: '' | 'for no key update'): Promise<MergeRow> {
  const [row] = await tx.query<MergeRow>(
    `select id, contact_id, other_id, moved, merged_at, undone_at from contact_merges where tenant_id = $1 and id = $2 ${lock}`,
    [tx.tenantId, id],
  )
  if (!row) throw new Failure('not_found')
  return row
}

/** Whether a contact that comes back still comes first at its customer: not when somebody else does by now. */
async function mayComeFirst(tx: TenantTx, other: MergedContact): Promise<boolean> {
  if (!other.is_primary || other.customer_id === null) return other.is_primary
  const first = await tx.query(
    'select 1 from contacts where tenant_id = $1 and customer_id = $2 and is_primary and deleted_at is null and id <> $3',
    [tx.tenantId, other.customer_id, other.id],
  )
  return first.length === 0
}

/** A number that is nobody's address of theirs any more is not theirs. */
async function keepNumbersAmongAddresses(tx: TenantTx, ids: readonly number[]): Promise<void> {
  const numbers = `select i.value from contact_identities i
    where i.tenant_id = c.tenant_id and i.contact_id = c.id and i.kind in ('phone', 'wa_id')`
  await tx.query(
    `update contacts c set phone = (select '+' || n.value from (${numbers} order by i.kind, i.value limit 1) n)
     where c.tenant_id = $1 and c.id = any($2) and c.phone is not null and not substr(c.phone, 2) in (${numbers})`,
    [tx.tenantId, ids],
  )
}

/** Conversations that the merge ended, and nobody touched since, go on where they were. */
async function giveConversationsBack(
  tx: TenantTx,
  from: number,
  to: number,
  moved: readonly MovedConversation[],
): Promise<void> {
  const ids = moved.map(({ id }) => id)
  const held = new Map((await lockConversations(tx, ids)).map((row) => [row.id, row]))
  await moveConversations(tx, from, to, ids)
  for (const row of await lockConversations(tx, ids)) {
    const was = moved.find(({ id }) => id === row.id)
    const isAsEnded = was?.endedVersion !== null && held.get(row.id)?.version === was?.endedVersion
    if (was && isAsEnded && row.contact_id === to && !(await hasLive(tx, row.channel_id, to)))
      await changeConversation(tx, row, 'conversation.status_changed', {
        status: was.status,
        snoozed_until: was.snoozedUntil,
        resolved_at: null,
      })
  }
}

async function hasLive(tx: TenantTx, channelId: string, contactId: number): Promise<boolean> {
  const live = await tx.query(
    `select 1 from conversations where tenant_id = $1 and channel_id = $2 and contact_id = $3 and status <> 'resolved'`,
    [tx.tenantId, channelId, contactId],
  )
  return live.length > 0
}
