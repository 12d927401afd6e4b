import { z } from 'zod'
import type { Actor } from '../../auth/actor.ts'
import { permit } from '../../auth/can.ts'
import type { ContactView } from '../../contract/records.ts'
import type { CustomerHit, DealHit } from '../../contract/rest/messages.ts'
import { decodeCursor, encodeCursor, type Page, pageOf } from '../../http/cursor.ts'
import { readTenant } from '../../log/read-tenant.ts'
import type { LogDeps } from '../../log/tenant-tx.ts'
import { contactKind } from '../contacts/contact-kind.ts'
import { viewContacts } from '../contacts/present-contact.ts'
import { dealKind } from '../deals/deal-kind.ts'
import { addressPatterns, namePatterns, phonePatterns } from '../messages/search-terms.ts'
import { visibleTo } from '../records/list-records.ts'
import type { RecordKind, RecordRow, RecordView } from '../records/record-kind.ts'

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
    const given = [namePatterns(input.q), addressPatterns(input.q), below]
    const { ids, lookedTo } = await matchesOf(query, actor, contactKind, input, {
      call: (most) => `match_contacts($1::text[], $2::text[], false, $3, ${most})`,
      given,
    })
    return { hits: (await viewContacts(query, actor.tenantId, ids)).reverse(), lookedTo }
  })
}

/** Customers by words of a name, company or e-mail address, or by a phone number, newest first. */
export function searchCustomers(
  deps: Pick<LogDeps, 'db'>,
  actor: Actor,
  input: Search,
): Promise<Page<CustomerHit>> {
  return page(deps, actor, 'search customers', input, async (query, below) => ({
    hits: await query<CustomerHit>(
      `select c.id, c.name, c.company, c.email, c.phone
       from match_records('customers', $2::text[], $3::text[], false, $4, $5) found
       join customers c on c.tenant_id = $1 and c.id = found.record_id order by c.id desc`,
      [actor.tenantId, namePatterns(input.q), phonePatterns(input.q), below, input.limit + 1],
    ),
  }))
}

/** Deals that the actor may read, by words of their title, newest first. */
export function searchDeals(deps: Pick<LogDeps, 'db'>, actor: Actor, input: Search): Promise<Page<DealHit>> {
  permit(actor, 'deal.read')
  return page(deps, actor, 'search deals', input, async (query, below) => {
    const { ids, lookedTo } = await matchesOf(query, actor, dealKind, input, {
      call: (most) => `match_records('deals', $1::text[], '{}', false, $2, ${most})`,
      given: [namePatterns(input.q), below],
    })
    const hits = await query<DealHit>(
      `select d.id, d.title, d.stage_id as "stageId", d.customer_id as "customerId", d.contact_id as "contactId"
       from deals d where d.tenant_id = $1 and d.id = any ($2) order by d.id desc`,
      [actor.tenantId, ids],
    )
    return { hits, lookedTo }
  })
}

/** Ids of a page of those of the matches that the actor may read; for whoever may not read all, out of so many of them. */
async function matchesOf<Row extends RecordRow, View extends RecordView>(
  query: Query,
  actor: Actor,
  kind: RecordKind<Row, View>,
  { limit }: Search,
  { call, given }: { readonly call: (most: number) => string; readonly given: readonly unknown[] },
): Promise<{ ids: number[]; lookedTo: number | undefined }> {
  const values = [...given]
  const visible = visibleTo(actor, kind, (value) => `$${values.push(value)}`)
  const most = visible === 'true' ? limit + 1 : mostMatches
  const rows = await query<{ id: number | null; looked: number; last: number }>(
    `with found as materialized (select record_id from ${call(most)}),
       seen as (select r.id from found join ${kind.table} r on r.tenant_id = (select current_tenant()) and r.id = found.record_id
         where ${visible} order by r.id desc limit ${limit + 1})
     select seen.id, whole.looked, whole.last
     from (select count(*) as looked, min(record_id) as last from found) whole left join seen on true order by seen.id desc`,
    values,
  )
  const ids = rows.flatMap(({ id }) => id ?? [])
  const [whole] = rows
  const isCut = visible !== 'true' && ids.length <= limit && whole?.looked === most
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
