import { hearersOfContact } from './contact-sight.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { InboundIdentityChange, Person } from '../../providers/inbound.ts'
import { lockContacts } from '../conversations/open-conversation.ts'
import { viewContacts } from './present-contact.ts'
import { requireAddresses } from './require-addresses.ts'
import { type ContactOf, resolvePeople } from './resolve-people.ts'

/**
 * Somebody has other addresses now: joins those that are one person and takes away those that are no longer theirs. The
 * contact is made when the change is to be shown or opens a window. Answers who it is, for the same person. An address that
 * is to go and that nobody has is not made first, so a change that comes again finds nothing to do.
 */
export async function changeIdentities(tx: TenantTx, change: InboundIdentityChange): Promise<ContactOf> {
  const { person, join, leave } = change
  const gone = await unowned(tx, leave)
  const staying = [...join, ...person.identities].filter(({ kind, value }) => !gone.has(`${kind} ${value}`))
  const whole: Person = { ...person, identities: staying }
  const contactOf = await resolvePeople(tx, [
    { person: whole, create: change.text !== null || change.opensWindow },
  ])
  const contactId = contactOf(whole)
  if (contactId !== undefined && leave.length > 0) await forget(tx, contactId, leave)
  return (asked) => (asked === person ? contactId : undefined)
}

async function unowned(tx: TenantTx, leave: InboundIdentityChange['leave']): Promise<Set<string>> {
  if (leave.length === 0) return new Set()
  const rows = await tx.query<{ kind: string; value: string }>(
    `select v.kind, v.value from unnest($2::text[], $3::text[]) as v(kind, value)
     where not exists (
       select from contact_identities i where i.tenant_id = $1 and i.kind = v.kind and i.value = v.value)`,
    [tx.tenantId, leave.map(({ kind }) => kind), leave.map(({ value }) => value)],
  )
  return new Set(rows.map(({ kind, value }) => `${kind} ${value}`))
}

/** Locks: the contact, before its addresses, as whoever joins contacts does; it may have gone into another one until then. */
async function forget(tx: TenantTx, contactId: number, leave: InboundIdentityChange['leave']): Promise<void> {
  await lockContacts(tx, [contactId])
  await requireAddresses(tx, [contactId])
  const gone = await tx.query(
    `delete from contact_identities i using unnest($3::text[], $4::text[]) as v(kind, value)
     where i.tenant_id = $1 and i.contact_id = $2 and i.kind = v.kind and i.value = v.value returning 1`,
    [tx.tenantId, contactId, leave.map(({ kind }) => kind), leave.map(({ value }) => value)],
  )
  if (gone.length === 0) return
  await tx.query(
    `update contacts ct set version = version + 1, updated_at = $3,
       phone = case when ct.phone = any($4) then (
         select '+' || i.value from contact_identities i
         where i.tenant_id = ct.tenant_id and i.contact_id = ct.id and i.kind in ('phone', 'wa_id')
         order by i.created_at desc, i.kind limit 1) else ct.phone end
     where ct.tenant_id = $1 and ct.id = $2`,
    [tx.tenantId, contactId, tx.now, leave.map(({ value }) => `+${value}`)],
  )
  for (const contact of await viewContacts(tx.query.bind(tx), tx.tenantId, [contactId]))
    tx.record('contact.updated', { contact }, hearersOfContact(contact.id))
}
