import type { IdentityView } from '../../contract/conversation.ts'
import { Failure } from '../../contract/errors.ts'
import type { ContactView } from '../../contract/records.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Doer } from '../audit/record-audit.ts'
import { lockWritable, updateRecord } from '../records/write-record.ts'
import { contactKind } from './contact-kind.ts'
import { holdNewContacts } from './resolve-people.ts'

interface Named {
  readonly id: number
  readonly identity: IdentityView
}

const isThis = (identity: IdentityView) => (other: IdentityView) =>
  other.kind === identity.kind && other.value === identity.value

/**
 * Gives a contact one more address; one that it has already changes nothing. Records `contact.updated`. Fails with
 * `not_found`, `conflict` when somebody else has it, or `validation_failed` for a group.
 */
export async function addIdentity(tx: TenantTx, by: Doer, { id, identity }: Named): Promise<ContactView> {
  await holdNewContacts(tx)
  const { identities } = await lockWritable(tx, contactKind, by, id)
  const all = identities.some(isThis(identity)) ? identities : [...identities, identity]
  return updateRecord(tx, contactKind, by, id, { identities: all }, null)
}

/** Takes an address from a contact. Records `contact.updated`. Fails with `not_found` when it does not have it. */
export async function removeIdentity(tx: TenantTx, by: Doer, { id, identity }: Named): Promise<ContactView> {
  await holdNewContacts(tx)
  const { identities } = await lockWritable(tx, contactKind, by, id)
  if (!identities.some(isThis(identity))) throw new Failure('not_found')
  const rest = identities.filter((other) => !isThis(identity)(other))
  return updateRecord(tx, contactKind, by, id, { identities: rest }, null)
}
