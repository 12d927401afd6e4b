import { hearersOfContact } from './contact-sight.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { InboundContactUpdate } from '../../providers/inbound.ts'
import { isNewer, timeOfNews } from '../channels/newer-facts.ts'
import { isBetterName } from './network-name.ts'
import { viewContacts } from './present-contact.ts'
import type { ContactOf } from './resolve-people.ts'

/** What of a contact the network can change. */
export interface HeldContact {
  readonly id: number
  readonly first_name: string
  readonly last_name: string | null
  readonly profile_name: string | null
  readonly name_edited: boolean
  readonly picture_url: string | null
  /** When the network said the name and the picture. */
  readonly told: { readonly name?: string; readonly picture?: string }
}

const nameCharacters = 256
/** Networks repeat names and pictures with every message: that they did is written down no more often than this. */
const repeatedAfterMs = 3_600_000
const pictureCharacters = 2048

/**
 * Takes over what the network tells about people that we know: the name they go by, and their picture. A name that one of us
 * wrote stays, and so does a better name than the one that is told (NEWS7). `contact.updated` once per person who is shown
 * in another way; conversations show people by that event, so they need none of their own (SYN2).
 *
 * `removed` changes nothing: our side took them out of the phone's address book, which says nothing about who they are;
 * their conversations, consents and name stay. `seen` is what `contactsToldOf` found. Networks repeat names with every message, so whoever needs no change is
 * neither locked nor written. Locks: contacts that change, by id.
 */
export async function recordContactNews(
  tx: TenantTx,
  told: readonly InboundContactUpdate[],
  contactOf: ContactOf,
  seen: readonly HeldContact[],
): Promise<void> {
  const said = newsByContact(told, contactOf)
  const hear = (before: HeldContact) =>
    (said.get(before.id) ?? []).reduce((contact, item) => heard(contact, item, tx.now), before)
  const changing = seen.filter((contact) => hear(contact) !== contact).map((contact) => contact.id)
  const held = await holdContacts(tx, changing)
  const changes = held.flatMap((before) => {
    const after = hear(before)
    return after === before ? [] : [{ ...after, visible: shownName(after) !== shownName(before) }]
  })
  if (changes.length === 0) return
  await tx.query(
    `update contacts c set first_name = v.first_name, profile_name = v.profile_name, picture_url = v.picture_url, told = v.told,
       version = c.version + v.visible::integer, updated_at = case when v.visible then $3 else c.updated_at end
     from json_to_recordset($2) as v(id integer, first_name text, profile_name text, picture_url text, told jsonb, visible boolean)
     where c.tenant_id = $1 and c.id = v.id`,
    [tx.tenantId, JSON.stringify(changes), tx.now],
  )
  const shown = changes.filter((change) => change.visible).map((change) => change.id)
  if (shown.length === 0) return
  for (const contact of await viewContacts(tx.query.bind(tx), tx.tenantId, shown))
    tx.record('contact.updated', { contact }, hearersOfContact(contact.id), { kind: 'provider' })
}

/** The contacts that are told about, as they are. No locks. */
export function contactsToldOf(
  tx: TenantTx,
  told: readonly InboundContactUpdate[],
  contactOf: ContactOf,
): Promise<HeldContact[]> {
  const ids = [...newsByContact(told, contactOf).keys()].filter((id) => id !== undefined)
  return tx.gather<HeldContact>(
    `select k.* from json_to_recordset($1) as w(tenant_id uuid, id integer) cross join lateral (
       select ct.tenant_id, ${heldColumns} from contacts ct where ct.tenant_id = w.tenant_id and ct.id = w.id limit 1) k
     order by k.id`,
    ids.map((id) => ({ id })),
  )
}

function newsByContact(
  told: readonly InboundContactUpdate[],
  contactOf: ContactOf,
): Map<number | undefined, InboundContactUpdate[]> {
  return Map.groupBy(
    told.filter((item) => item.removed !== true),
    (item) => contactOf(item.person),
  )
}

const heldColumns =
  'ct.id, ct.first_name, ct.last_name, ct.profile_name, ct.name_edited, ct.picture_url, ct.told'

async function holdContacts(tx: TenantTx, ids: readonly number[]): Promise<HeldContact[]> {
  if (ids.length === 0) return []
  return tx.query<HeldContact>(
    `select ${heldColumns} from contacts ct where ct.tenant_id = $1 and ct.id = any($2) order by ct.id for no key update`,
    [tx.tenantId, ids],
  )
}

function heard(before: HeldContact, news: InboundContactUpdate, now: Date): HeldContact {
  const at = timeOfNews(news.at, now)
  return withPicture(withName(before, news.person.name, at), news.pictureUrl, at)
}

function withName(before: HeldContact, told: string | undefined, at: Date): HeldContact {
  const name = told?.trim().slice(0, nameCharacters).toWellFormed() ?? ''
  const known = before.profile_name ?? ''
  const isFirst = known === ''
  if (!isBetterName(name, known, isFirst || isNewer(at, before.told.name))) return before
  if (name === known && isRepeated(at, before.told.name)) return before
  // The network's name is shown as long as nobody wrote another one.
  const isTheirs = !before.name_edited && (before.first_name === '' || before.first_name === known)
  return {
    ...before,
    profile_name: name,
    first_name: isTheirs ? name : before.first_name,
    told: { ...before.told, name: at.toISOString() },
  }
}

function withPicture(before: HeldContact, url: string | undefined, at: Date): HeldContact {
  if (url === undefined || url.length > pictureCharacters || !isNewer(at, before.told.picture)) return before
  if (url === before.picture_url && isRepeated(at, before.told.picture)) return before
  return { ...before, picture_url: url, told: { ...before.told, picture: at.toISOString() } }
}

function isRepeated(at: Date, before: string | undefined): boolean {
  return before !== undefined && at.getTime() - Date.parse(before) < repeatedAfterMs
}

/** What of the name is shown; the address that stands in for a missing one does not change here. */
function shownName({ first_name, last_name, profile_name }: HeldContact): string {
  const written = `${first_name} ${last_name ?? ''}`.trim()
  return JSON.stringify([first_name, written === '' ? profile_name : null])
}
