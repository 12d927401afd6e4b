import { type Actor, presentActor } from '../../auth/actor.ts'
import { permit } from '../../auth/can.ts'
import { Failure } from '../../contract/errors.ts'
import type { ContactView } from '../../contract/records.ts'
import type { ContactMergeView } from '../../contract/rest/contacts.ts'
import { invalid } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { moveConversations } from '../conversations/move-conversations.ts'
import { lockContacts } from '../conversations/open-conversation.ts'
import { hearersOfContact, requireContacts, retellContacts } from './contact-sight.ts'
import { type Moved, type MovedConversation, presentMerge, readMerged, writeMerged } from './merge-ledger.ts'
import { type MergedColumns, mergePlan } from './merge-plan.ts'
import { moveConsents } from './move-consents.ts'
import { moveRecords } from './move-records.ts'
import { viewContacts } from './present-contact.ts'
import { holdNewContacts } from './resolve-people.ts'

export interface Merged {
  readonly data: ContactView
  readonly merge: ContactMergeView
}

/**
 * Two contacts are one person, says one of us: `otherId` goes into `id` with its addresses, conversations, notes, deals,
 * activities and what it said about marketing, and is deleted. What moved is kept, so that it can be taken back (undo-merge.ts). Records events for
 * everything that moved, then `contact.deleted` and `contact.updated`. Fails with `not_found`, or `validation_failed` when
 * the other one is not there, the same, or one of them is a group.
 * Locks in order: the right to make contacts, the contacts by id, what moves.
 */
export async function mergeContact(
  tx: TenantTx,
  by: Doer,
  { id, otherId }: { readonly id: number; readonly otherId: number },
): Promise<Merged> {
  permit(by.actor, 'record.write')
  await holdNewContacts(tx)
  await lockContacts(tx, [id, otherId])
  await requireContacts(tx.query.bind(tx), by.actor, [id])
  await requireOther(tx, by.actor, otherId)
  const contacts = await readMerged(tx, [id, otherId])
  const [winner, other] = [contacts.get(id), contacts.get(otherId)]
  if (!winner || winner.deleted_at !== null) throw new Failure('not_found')
  if (!other || other.deleted_at !== null) throw refused('there is no such record')
  if (id === otherId) throw refused('is the contact itself')
  if (winner.is_group || other.is_group) throw refused('a group is not a person')
  const query = tx.query.bind(tx)
  const [before] = await viewContacts(query, tx.tenantId, [id])

  const conversations = await takeConversations(tx, otherId, id)
  const identities = await tx.query<Moved['identities'][number]>(
    'update contact_identities set contact_id = $3 where tenant_id = $1 and contact_id = $2 returning kind, value',
    [tx.tenantId, otherId, id],
  )
  const records = await moveRecords(tx, by, { from: otherId, to: id })
  const consents = await moveConsents(tx, { from: otherId, to: id })
  const after = mergePlan(winner, other)
  await writeMerged(tx, otherId, { deleted_at: tx.now, merged_into: id })
  await writeMerged(tx, id, after)

  const was = Object.fromEntries(
    Object.keys(after).map((name) => [name, winner[name as keyof MergedColumns]]),
  ) as Partial<MergedColumns>
  const moved: Moved = { ...records, identities, conversations, consents, before: was, after }
  const row = {
    id: uuidv7(tx.now.getTime()),
    contact_id: id,
    other_id: otherId,
    merged_at: tx.now.toISOString(),
    undone_at: null,
  }
  await tx.query(
    `insert into contact_merges (tenant_id, id, contact_id, other_id, moved, actor, merged_at) values ($1, $2, $3, $4, $5, $6, $7)`,
    [tx.tenantId, row.id, id, otherId, JSON.stringify(moved), JSON.stringify(presentActor(by.actor)), tx.now],
  )
  const [gone] = await viewContacts(query, tx.tenantId, [otherId])
  const [contact] = await viewContacts(query, tx.tenantId, [id])
  if (!gone || !contact) throw new Error('contacts that were just merged are not there')
  // What went into another has no conversations of its own any more; it is still for nobody else's eyes.
  tx.record('contact.deleted', { contact: gone }, hearersOfContact(id))
  tx.record('contact.updated', { contact }, hearersOfContact(id))
  await retellContacts(tx, [id], { gone: [otherId] })
  const merge = presentMerge(row)
  const entry = { by, action: 'contact.merge', entity: 'contact' }
  recordAudit(tx, { ...entry, entityId: id, before: before ?? null, after: { ...contact, merge } })
  recordAudit(tx, { ...entry, entityId: otherId, after: { ...gone, merge } })
  return { data: contact, merge }
}

/** A contact that is not for the actor's eyes is as one that is not there. */
async function requireOther(tx: TenantTx, actor: Actor, id: number): Promise<void> {
  await requireContacts(tx.query.bind(tx), actor, [id]).catch((error: unknown) => {
    throw error instanceof Failure && error.code === 'not_found' ? refused('there is no such record') : error
  })
}

const refused = (message: string) => invalid([{ in: 'body', pointer: '/otherId', message }])

interface Standing {
  id: string
  status: MovedConversation['status']
  snoozed_until: string | null
  version: number
}

/** Moves all conversations; how each was before, and which ones ended because both had a live one on a channel. */
async function takeConversations(tx: TenantTx, from: number, to: number): Promise<MovedConversation[]> {
  const standing = `select id, status, snoozed_until, version from conversations where tenant_id = $1`
  const before = await tx.query<Standing>(`${standing} and contact_id = $2 order by id for update`, [
    tx.tenantId,
    from,
  ])
  await moveConversations(tx, from, to)
  const rows = await tx.query<Standing>(`${standing} and id = any($2)`, [
    tx.tenantId,
    before.map(({ id }) => id),
  ])
  const after = new Map(rows.map((row) => [row.id, row]))
  return before.map(({ id, status, snoozed_until: snoozedUntil }) => {
    const now = after.get(id)
    const isEnded = status !== 'resolved' && now?.status === 'resolved'
    return { id, status, snoozedUntil, endedVersion: isEnded ? now.version : null }
  })
}
