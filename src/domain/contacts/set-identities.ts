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
  // One by one and by its whole key (`limit` keeps it so): no index begins with the value, and a few were looked for among all.
  const [taken] = await tx.query<IdentityView & { contact_id: number; deleted: boolean; seen: boolean }>(
    `select owned.* from unnest($3::text[], $4::text[]) as v(kind, value)
     cross join lateral unnest(case when v.kind in ('phone', 'wa_id') then array['phone', 'wa_id'] else array[v.kind] end) as either(kind)
     cross join lateral (
       select i.kind, i.value, i.contact_id, c.deleted_at is not null as deleted, ${seen} as seen
       from contact_identities i join contacts c on c.tenant_id = $1 and c.id = i.contact_id
       where i.tenant_id = $1 and i.kind = either.kind and i.value = v.value and i.contact_id <> $2 limit 1) owned
     limit 1`,
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
