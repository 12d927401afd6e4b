import { hearersOfContact, retellContacts } from './contact-sight.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Identity } from '../../providers/inbound.ts'
import { lockContacts } from '../conversations/open-conversation.ts'
import { moveConsents } from './move-consents.ts'
import { moveConversations } from '../conversations/move-conversations.ts'
import { viewContacts } from './present-contact.ts'

interface Candidate {
  id: number
  /** Somebody of us wrote in it or hung something on it. */
  tended: boolean
  blocked: boolean
  marketing: 'granted' | 'denied' | null
  marketing_at: string | null
}

/**
 * Several contacts turned out to be one person: the addresses that say so all belong to one of them from now on, which is
 * the answer. That is a contact that people have tended, when there is one, else the owner of the first address.
 *
 * A contact that nobody tended goes on in the other one with all its conversations. One that somebody did stays as it is,
 * without the addresses: notes, deals and names that people wrote are never thrown together by a machine. What the person
 * last said about marketing, under whichever address, goes with the addresses (NEWS6), and so does a block.
 * Locks in order: the contacts by id, their live conversations by id.
 */
export async function mergeContacts(
  tx: TenantTx,
  ids: readonly number[],
  identities: readonly Identity[],
): Promise<number> {
  await lockContacts(tx, ids)
  const rows = await tx.query<Candidate>(
    `select ct.id, ct.blocked, ct.marketing, ct.marketing_at,
       ct.name_edited or ct.customer_id is not null or ct.email is not null
       or exists (select from notes n where n.tenant_id = ct.tenant_id and n.contact_id = ct.id)
       or exists (select from deals d where d.tenant_id = ct.tenant_id and d.contact_id = ct.id)
       or exists (select from activities a where a.tenant_id = ct.tenant_id and a.contact_id = ct.id) as tended
     from contacts ct where ct.tenant_id = $1 and ct.id = any($2)`,
    [tx.tenantId, ids],
  )
  const candidates = ids.map((id) => rows.find((row) => row.id === id)).filter((row) => row !== undefined)
  const winner = candidates.find((row) => row.tended) ?? candidates[0]
  if (!winner) throw new Error('contacts that are to be merged do not exist')
  for (const loser of candidates) {
    if (loser.id === winner.id) continue
    if (loser.tended) await takeAddresses(tx, loser.id, winner.id, identities)
    else await absorb(tx, loser.id, winner.id)
  }
  // It writes on their numbers too from now on.
  const gone = candidates.filter((one) => one !== winner && !one.tended).map(({ id }) => id)
  if (gone.length > 0) await retellContacts(tx, [winner.id], { gone })
  const word = candidates.reduce((one, other) => (outranks(other, one) ? other : one), winner)
  const blocked = candidates.some((one) => one.blocked)
  if (word !== winner || blocked !== winner.blocked)
    await tx.query(
      'update contacts set marketing = $3, marketing_at = $4, blocked = $5 where tenant_id = $1 and id = $2',
      [tx.tenantId, winner.id, word.marketing, word.marketing_at, blocked],
    )
  return winner.id
}

/** Whether this is the newer word about marketing; of two at the same moment the "no". */
function outranks(one: Candidate, other: Candidate): boolean {
  if (one.marketing_at === null || other.marketing_at === null)
    return one.marketing_at !== null && other.marketing_at === null
  if (one.marketing_at !== other.marketing_at) return one.marketing_at > other.marketing_at
  return one.marketing === 'denied' && other.marketing !== 'denied'
}

/** What is left of the other contact is announced; the winner's own news is its caller's. */
async function takeAddresses(
  tx: TenantTx,
  from: number,
  to: number,
  identities: readonly Identity[],
): Promise<void> {
  await tx.query(
    `update contact_identities i set contact_id = $3
     from unnest($4::text[], $5::text[]) as v(kind, value)
     where i.tenant_id = $1 and i.contact_id = $2 and i.value = v.value
       and (i.kind = v.kind or i.kind in ('phone', 'wa_id') and v.kind in ('phone', 'wa_id'))`,
    [tx.tenantId, from, to, identities.map(({ kind }) => kind), identities.map(({ value }) => value)],
  )
  await tx.query(
    'update contacts set version = version + 1, updated_at = $3 where tenant_id = $1 and id = $2',
    [tx.tenantId, from, tx.now],
  )
  await announce(tx, from)
}

async function absorb(tx: TenantTx, from: number, to: number): Promise<void> {
  await tx.query('update contact_identities set contact_id = $3 where tenant_id = $1 and contact_id = $2', [
    tx.tenantId,
    from,
    to,
  ])
  await moveConversations(tx, from, to)
  await moveConsents(tx, { from, to })
  await tx.query(
    `update contacts set deleted_at = $3, merged_into = $4, version = version + 1, updated_at = $3
     where tenant_id = $1 and id = $2`,
    [tx.tenantId, from, tx.now, to],
  )
  await announce(tx, from, to)
}

/** `seenWith`: whose conversations say who may hear of it. */
async function announce(tx: TenantTx, id: number, seenWith = id): Promise<void> {
  for (const contact of await viewContacts(tx.query.bind(tx), tx.tenantId, [id]))
    tx.record('contact.updated', { contact }, hearersOfContact(seenWith))
}
