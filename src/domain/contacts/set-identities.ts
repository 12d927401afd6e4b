import type { Actor } from '../../auth/actor.ts'
import { contactVisibility } from '../../auth/contact-visibility.ts'
import type { IdentityView } from '../../contract/conversation.ts'
import { Failure } from '../../contract/errors.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'

/**
 * Gives a contact exactly these addresses. Fails with `conflict` when somebody else has one of them, be it as `phone` or as
 * `wa_id`: to whoever may see that contact `details.contactId` says who, and `details.deleted` whether it is deleted (then it
 * can be restored); to others neither. Whoever calls it holds the right to make contacts (holdNewContacts), so that no network makes one meanwhile.
 */
export async function setIdentities(
  tx: TenantTx,
  actor: Actor,
  contactId: number,
  identities: readonly IdentityView[],
): Promise<void> {
  const pairs = [identities.map(({ kind }) => kind), identities.map(({ value }) => value)]
  const values: unknown[] = [tx.tenantId, contactId, ...pairs]
  const seen = contactVisibility(actor, 'c', (value) => `$${values.push(value)}`)
  const [taken] = await tx.query<IdentityView & { contact_id: number; deleted: boolean; seen: boolean }>(
    `select i.kind, i.value, i.contact_id, c.deleted_at is not null as deleted, ${seen} as seen
     from unnest($3::text[], $4::text[]) as v(kind, value)
     join contact_identities i on i.tenant_id = $1 and i.value = v.value
       and (i.kind = v.kind or i.kind in ('phone', 'wa_id') and v.kind in ('phone', 'wa_id'))
     join contacts c on c.tenant_id = $1 and c.id = i.contact_id
     where i.contact_id <> $2 limit 1`,
    values,
  )
  if (taken) {
    const { contact_id: owner, deleted, seen: isSeen, ...identity } = taken
    const whose = isSeen ? { contactId: owner, deleted } : {}
    throw new Failure(
      'conflict',
      { member: 'identities', identity, ...whose },
      { message: 'somebody else has this address' },
    )
  }
  await tx.query(
    `delete from contact_identities i where i.tenant_id = $1 and i.contact_id = $2 and not exists (
       select from unnest($3::text[], $4::text[]) as v(kind, value) where v.kind = i.kind and v.value = i.value)`,
    [tx.tenantId, contactId, ...pairs],
  )
  await tx.query(
    `insert into contact_identities (tenant_id, kind, value, contact_id, created_at)
     select $1, v.kind, v.value, $2, $5 from unnest($3::text[], $4::text[]) as v(kind, value) on conflict do nothing`,
    [tx.tenantId, contactId, ...pairs, tx.now],
  )
}
