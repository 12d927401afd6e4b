import { z } from 'zod'
import type { Actor } from '../../auth/actor.ts'
import { permit } from '../../auth/can.ts'
import { contactVisibility } from '../../auth/contact-visibility.ts'
import { type DuplicatesView, duplicateReasons } from '../../contract/rest/contacts.ts'
import { decodeCursor, encodeCursor, type Page, pageOf } from '../../http/cursor.ts'
import type { Query } from '../records/record-kind.ts'
import { sortKeys } from '../records/sort-keys.ts'
import { viewContacts } from './present-contact.ts'

type Reason = DuplicatesView['reason']

interface Group {
  readonly reason: Reason
  readonly key: string
  readonly ids: number[]
}

/** Contacts of one group that are shown; who has merged these sees the next. */
const mostShown = 20

const here = 'c.tenant_id = $1 and c.deleted_at is null and not c.is_group'

/** What each reason compares, for contacts `c`: numbers in every way they are written, e-mail addresses in lower case, folded names. */
const compared: Readonly<Record<Reason, { readonly key: string; readonly from: string }>> = {
  phone: {
    key: 'i.phone_key',
    from: `contact_identities i join contacts c on c.tenant_id = i.tenant_id and c.id = i.contact_id
      where i.tenant_id = $1 and ${here} and i.phone_key in (
        select n.phone_key from contact_identities n where n.tenant_id = $1 and n.phone_key is not null
        group by 1 having min(n.contact_id) <> max(n.contact_id))`,
  },
  email: {
    key: 'lower(c.email)',
    from: `contacts c where c.email is not null and ${here}`,
  },
  name: {
    key: `search_key(trim(c.first_name || ' ' || coalesce(c.last_name, ''))) || ' / ' || search_key(coalesce(cu.company, cu.name))`,
    from: `contacts c join customers cu on cu.tenant_id = c.tenant_id and cu.id = c.customer_id
      where ${here} and trim(c.first_name || coalesce(c.last_name, '')) <> ''`,
  },
}

/**
 * Contacts that may be one person, in groups: those with the same number (as a phone and as the address of a network, or
 * written in two ways), the same e-mail address, or the same name at the same company. By reason, then by what they share.
 * A group statement per reason and one for the contacts.
 */
export async function findDuplicates(
  query: Query,
  actor: Actor,
  asked: {
    readonly limit: number
    readonly cursor?: string | undefined
    readonly reason?: Reason | undefined
  },
): Promise<Page<DuplicatesView>> {
  permit(actor, 'record.read')
  const list = `duplicates ${asked.reason ?? ''}`
  const [last, after] =
    asked.cursor === undefined
      ? [null, null]
      : decodeCursor(list, asked.cursor, z.tuple([z.enum(duplicateReasons), sortKeys.text]))
  const reasons = asked.reason === undefined ? duplicateReasons : [asked.reason]
  const groups: Group[] = []
  for (const reason of reasons.slice(last === null ? 0 : reasons.indexOf(last))) {
    const missing = asked.limit + 1 - groups.length
    if (missing > 0)
      groups.push(...(await groupsOf(query, actor, reason, reason === last ? after : null, missing)))
  }
  const views = await viewContacts(
    query,
    actor.tenantId,
    groups.flatMap(({ ids }) => ids),
  )
  const byId = new Map(views.map((view) => [view.id, view]))
  return pageOf(
    groups,
    asked.limit,
    ({ reason, key, ids }) => ({
      reason,
      key,
      contacts: ids.map((id) => byId.get(id)).filter((view) => view !== undefined),
    }),
    ({ reason, key }) => encodeCursor(list, [reason, key]),
  )
}

async function groupsOf(
  query: Query,
  actor: Actor,
  reason: Reason,
  after: string | null,
  atMost: number,
): Promise<Group[]> {
  const { key, from } = compared[reason]
  const values: unknown[] = [actor.tenantId, after, atMost]
  const visible = contactVisibility(actor, 'c', (value) => `$${values.push(value)}`)
  const rows = await query<Omit<Group, 'reason'>>(
    `select ${key} as key, (array_agg(distinct c.id order by c.id))[1:${mostShown}] as ids from ${from}
       and ($2::text is null or ${key} > $2) and ${visible}
     group by 1 having count(distinct c.id) > 1 order by 1 limit $3`,
    values,
  )
  return rows.map((row) => ({ reason, ...row }))
}
