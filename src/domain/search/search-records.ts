import { z } from 'zod'
import type { Actor } from '../../auth/actor.ts'
import { permit } from '../../auth/can.ts'
import type { ContactView } from '../../contract/records.ts'
import type { CustomerHit, DealHit } from '../../contract/rest/messages.ts'
import { decodeCursor, encodeCursor, type Page, pageOf } from '../../http/cursor.ts'
import { readTenant } from '../../log/read-tenant.ts'
import type { LogDeps } from '../../log/tenant-tx.ts'
import { contactKind } from '../contacts/contact-kind.ts'
import { contactText } from '../contacts/contact-text.ts'
import { viewContacts } from '../contacts/present-contact.ts'
import { customerKind, customerText } from '../customers/customer-kind.ts'
import { dealKind, dealText } from '../deals/deal-kind.ts'
import { visibleTo } from '../records/list-records.ts'
import { leadingMatches, type TextSearch } from '../records/matching-text.ts'
import type { Bind, RecordKind, RecordRow, RecordView } from '../records/record-kind.ts'

type Query = <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>
interface Search {
  readonly q: string
  readonly limit: number
  readonly cursor?: string | undefined
}

/** Matches that are looked through for a page of somebody who may not see all of them. */
const mostMatches = 10_000

/** What was found, newest first, and where to go on when rights left the page short. */
interface Found<Hit> {
  readonly hits: Hit[]
  readonly lookedTo?: number | undefined
}

/** Contacts that the actor may read, by words of a name, an e-mail address or any other address, newest first. */
export function searchContacts(
  deps: Pick<LogDeps, 'db'>,
  actor: Actor,
  input: Search,
): Promise<Page<ContactView>> {
  return page(deps, actor, 'search contacts', input, async (query, below) => {
    const { ids, lookedTo } = await matchesOf(query, actor, contactKind, contactText, input, below)
    return { hits: (await viewContacts(query, actor.tenantId, ids)).reverse(), lookedTo }
  })
}

/** Customers by words of a name, company or e-mail address, or by a phone number, newest first. */
export function searchCustomers(
  deps: Pick<LogDeps, 'db'>,
  actor: Actor,
  input: Search,
): Promise<Page<CustomerHit>> {
  return page(deps, actor, 'search customers', input, async (query, below) => {
    const { ids, lookedTo } = await matchesOf(query, actor, customerKind, customerText, input, below)
    const hits = await query<CustomerHit>(
      `select c.id, c.name, c.company, c.email, c.phone
       from customers c where c.tenant_id = $1 and c.id = any ($2) order by c.id desc`,
      [actor.tenantId, ids],
    )
    return { hits, lookedTo }
  })
}

/** Deals that the actor may read, by words of their title, newest first. */
export function searchDeals(deps: Pick<LogDeps, 'db'>, actor: Actor, input: Search): Promise<Page<DealHit>> {
  permit(actor, 'deal.read')
  return page(deps, actor, 'search deals', input, async (query, below) => {
    const { ids, lookedTo } = await matchesOf(query, actor, dealKind, dealText, input, below)
    const hits = await query<DealHit>(
      `select d.id, d.title, d.stage_id as "stageId", d.customer_id as "customerId", d.contact_id as "contactId"
       from deals d where d.tenant_id = $1 and d.id = any ($2) order by d.id desc`,
      [actor.tenantId, ids],
    )
    return { hits, lookedTo }
  })
}

/**
 * Ids of a page of those of the matches that the actor may read. For whoever may not read all, and where a look into an index gives
 * more than what has the whole text, out of so many of them.
 */
async function matchesOf<Row extends RecordRow, View extends RecordView>(
  query: Query,
  actor: Actor,
  kind: RecordKind<Row, View>,
  text: TextSearch,
  { q, limit }: Search,
  below: number | null,
): Promise<{ ids: number[]; lookedTo: number | undefined }> {
  const values: unknown[] = []
  const bind: Bind = (value) => `$${values.push(value)}`
  const { find, rest } = leadingMatches(text, q)
  const visible = visibleTo(actor, kind, bind)
  const takesAll = visible === 'true' && rest === null
  const most = takesAll ? limit + 1 : mostMatches
  const rows = await query<{ id: number | null; looked: number; last: number }>(
    `with found as materialized (${find({ most, below, deletedToo: false }, bind)}),
       seen as (select r.id from found join ${kind.table} r on r.tenant_id = (select current_tenant()) and r.id = found.record_id
         where ${visible} and ${rest === null ? 'true' : rest(bind)} order by r.id desc limit ${limit + 1})
     select seen.id, whole.looked, whole.last
     from (select count(*) as looked, min(record_id) as last from found) whole left join seen on true order by seen.id desc`,
    values,
  )
  const ids = rows.flatMap(({ id }) => id ?? [])
  const [whole] = rows
  const isCut = !takesAll && ids.length <= limit && whole?.looked === most
  return { ids, lookedTo: isCut ? whole.last : undefined }
}

function page<Hit extends { id: number }>(
  deps: Pick<LogDeps, 'db'>,
  actor: Actor,
  kind: string,
  input: Search,
  find: (query: Query, below: number | null) => Promise<Found<Hit>>,
): Promise<Page<Hit>> {
  permit(actor, 'record.read')
  const [below] = input.cursor === undefined ? [null] : decodeCursor(kind, input.cursor, z.tuple([z.int32()]))
  return readTenant(deps, actor.tenantId, async (query) => {
    const { hits, lookedTo } = await find(query, below)
    const found = pageOf(
      hits,
      input.limit,
      (hit) => hit,
      (hit) => encodeCursor(kind, [hit.id]),
    )
    return lookedTo === undefined ? found : { ...found, nextCursor: encodeCursor(kind, [lookedTo]) }
  })
}
