import { hearersOfContact } from './contact-sight.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import type { InboundConsent, Person } from '../../providers/inbound.ts'
import { requireAddresses } from './require-addresses.ts'

/** Who says so: the person, in the app of the network. */
const source = 'network'

interface Entry {
  readonly contact_id: number
  readonly granted: boolean
  readonly occurred_at: string
  /** What it counts as having been said at: never later than now, or it would outrank everything until then. */
  readonly ranked_at: string
}

/** Explanations are for people and a few words long. */
const detailCharacters = 1000

/**
 * Writes down that people allowed or forbade marketing. Every word goes into the ledger, once; what counts is the newest by
 * the network's time, and of two at the same moment the "no" (NEWS6). `consent.changed` once per person whose newest word
 * this is. Words of people whom `contactOf` does not know are left out. Locks: contacts by id.
 */
export async function recordConsents(
  tx: TenantTx,
  consents: readonly InboundConsent[],
  contactOf: (person: Person) => number | undefined,
): Promise<void> {
  const said = consents.flatMap((consent) => {
    const contactId = contactOf(consent.person)
    return contactId === undefined ? [] : [{ contactId, consent }]
  })
  if (said.length === 0) return
  const contacts = await tx.query<{ id: number; marketing_at: string | null }>(
    'select id, marketing_at from contacts where tenant_id = $1 and id = any($2) order by id for no key update',
    [tx.tenantId, said.map(({ contactId }) => contactId)],
  )
  await requireAddresses(
    tx,
    contacts.map((contact) => contact.id),
  )
  const before = new Map(contacts.map((contact) => [contact.id, contact.marketing_at]))
  const fresh = await insertEntries(
    tx,
    said.filter(({ contactId }) => before.has(contactId)),
  )
  const newest = new Map<number, Entry>()
  for (const entry of fresh) {
    const other = newest.get(entry.contact_id)
    const known = before.get(entry.contact_id) ?? null
    if (outranks(entry, other?.ranked_at ?? known)) newest.set(entry.contact_id, entry)
  }
  if (newest.size === 0) return
  const changed = await tx.query<{ id: number; version: number }>(
    `update contacts c set marketing = case when v.granted then 'granted' else 'denied' end, marketing_at = v.ranked_at,
       version = c.version + 1
     from json_to_recordset($2) as v(contact_id integer, granted boolean, ranked_at timestamptz)
     where c.tenant_id = $1 and c.id = v.contact_id returning c.id, c.version`,
    [tx.tenantId, JSON.stringify([...newest.values()])],
  )
  const versions = new Map(changed.map(({ id, version }) => [id, version]))
  for (const { contact_id: contactId, granted, occurred_at: at } of newest.values())
    tx.record(
      'consent.changed',
      { contactId, category: 'marketing', granted, source, at, version: versions.get(contactId) },
      hearersOfContact(contactId),
      { kind: 'provider' },
    )
}

/** The entries that the ledger did not have yet. */
function insertEntries(
  tx: TenantTx,
  said: readonly { contactId: number; consent: InboundConsent }[],
): Promise<Entry[]> {
  return tx.query<Entry>(
    `insert into consents (tenant_id, id, contact_id, category, granted, source, detail, occurred_at, created_at)
     select $1, v.id, v."contactId", v.category, v.granted, $3, v.detail, v.at, $4
     from json_to_recordset($2) as v(id uuid, "contactId" integer, category text, granted boolean, detail text, at timestamptz)
     on conflict do nothing returning contact_id, granted, occurred_at, least(occurred_at, $4) as ranked_at`,
    [
      tx.tenantId,
      JSON.stringify(
        said.map(({ contactId, consent: { category, granted, detail, at } }) => ({
          id: uuidv7(tx.now.getTime()),
          contactId,
          category,
          granted,
          detail: detail?.slice(0, detailCharacters).toWellFormed() ?? null,
          at: at.toISOString(),
        })),
      ),
      source,
      tx.now,
    ],
  )
}

function outranks(entry: Entry, known: string | null): boolean {
  if (known === null || entry.ranked_at > known) return true
  return entry.ranked_at === known && !entry.granted
}
