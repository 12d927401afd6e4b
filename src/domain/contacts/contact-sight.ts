import type { Actor } from '../../auth/actor.ts'
import { contactVisibility } from '../../auth/contact-visibility.ts'
import { Failure } from '../../contract/errors.ts'
import type { Scope } from '../../log/scope.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { viewContacts } from './present-contact.ts'
import { retellRecordsOf } from './retell-records.ts'

/** Everybody who may see a contact. */
export function hearersOfContact(contactId: number): Scope {
  return { kind: 'contact', contactId }
}

/** Fails with `not_found` unless all of these contacts are there, deleted or not, and for the actor. */
export async function requireContacts(
  query: TenantTx['query'],
  actor: Actor,
  ids: readonly number[],
): Promise<void> {
  const values: unknown[] = [actor.tenantId, ids]
  const where = contactVisibility(actor, 'r', (value) => `$${values.push(value)}`)
  if (where === 'true') return
  const found = await query(
    `select 1 from contacts r where r.tenant_id = $1 and r.id = any($2) and ${where}`,
    values,
  )
  if (found.length < new Set(ids).size) throw new Failure('not_found')
}

/**
 * Contacts have other conversations than before: whoever may see one now is shown it, with what is about it and nobody's, and
 * whoever may not any more forgets both. Only where numbers with members only have a part in it; otherwise everybody sees
 * them all, before and after. Contacts that were made in this very transaction need it not. `exchange` when they gave each
 * other what they had, so that a number of one was another's before, and notes of one are another's now; `gone` are those that
 * went into them. Locks: those contacts, by id; then what is about them.
 */
export async function retellContacts(
  tx: TenantTx,
  ids: readonly number[],
  exchange?: { readonly gone: readonly number[] },
): Promise<void> {
  if (ids.length === 0) return
  const concerned = await tx.query<{ id: number }>(
    `select ct.id from contacts ct where ct.tenant_id = $1 and ct.id = any($2) and ct.created_at < $3
       and exists (select from channels h where h.tenant_id = $1 and h.members_only)
       and exists (
         select from conversations c join channels h on h.tenant_id = c.tenant_id and h.id = c.channel_id
         where c.tenant_id = $1 and c.contact_id = ${exchange ? 'any($2)' : 'ct.id'} and h.members_only)
     order by ct.id for no key update`,
    [tx.tenantId, ids, tx.now],
  )
  if (concerned.length === 0) return
  const found = concerned.map(({ id }) => id)
  // A version of its own, so that a list that was read before does not undo it.
  await tx.query('update contacts set version = version + 1 where tenant_id = $1 and id = any($2)', [
    tx.tenantId,
    found,
  ])
  for (const contact of await viewContacts(tx.query.bind(tx), tx.tenantId, found)) {
    const { id: contactId, version } = contact
    if (contact.deletedAt === null) tx.record('contact.updated', { contact }, hearersOfContact(contactId))
    tx.record('contact.hidden', { contactId, version }, { kind: 'lost-contact', contactId })
  }
  await retellRecordsOf(tx, found)
  if (exchange) await hideWhatMoved(tx, found, exchange.gone)
}

/** Whoever may not see these contacts forgets those that went into them, and notes that were about another one before. */
async function hideWhatMoved(tx: TenantTx, ids: readonly number[], gone: readonly number[]): Promise<void> {
  const moved = await tx.query<{ id: number; contact_id: number; version: number; is_note: boolean }>(
    `select n.id, n.contact_id, n.version, true as is_note from notes n
     where n.tenant_id = $1 and n.contact_id = any($2) and n.deleted_at is null
     union all select g.id, i.id, g.version, false from contacts g cross join unnest($2::integer[]) i(id)
     where g.tenant_id = $1 and g.id = any($3) order by is_note, id`,
    [tx.tenantId, ids, gone],
  )
  for (const { id, contact_id: contactId, version, is_note: isNote } of moved) {
    const scope = { kind: 'lost-contact', contactId } as const
    if (isNote) tx.record('note.hidden', { noteId: id, version }, scope)
    else tx.record('contact.hidden', { contactId: id, version }, scope)
  }
}
