import { z } from 'zod'
import type { Actor } from '../../auth/actor.ts'
import { can, permit } from '../../auth/can.ts'
import { contactVisibility } from '../../auth/contact-visibility.ts'
import type { ContactView } from '../../contract/records.ts'
import type { CustomerHit, DealHit } from '../../contract/rest/messages.ts'
import { decodeCursor, encodeCursor, type Page, pageOf } from '../../http/cursor.ts'
import { readTenant } from '../../log/read-tenant.ts'
import type { LogDeps } from '../../log/tenant-tx.ts'
import { viewContacts } from '../contacts/present-contact.ts'
import { addressLike, contactLike } from '../messages/search-terms.ts'

type Query = <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>
interface Search {
  readonly q: string
  readonly limit: number
  readonly cursor?: string | undefined
}

/** Matches that are looked through for somebody who may not see all of them; beyond that the text should say more. */
const mostMatches = 10_000

/** Contacts that the actor may read, by part of a name, an e-mail address or any other address, newest first. */
export function searchContacts(
  deps: Pick<LogDeps, 'db'>,
  actor: Actor,
  input: Search,
): Promise<Page<ContactView>> {
  return page(deps, actor, 'search contacts', input, async (query, below) => {
    const values: unknown[] = [contactLike(input.q), addressLike(input.q), below, input.limit + 1]
    const visible = contactVisibility(actor, 'r', (value) => `$${values.push(value)}`)
    const found = await query<{ contact_id: number }>(
      visible === 'true'
        ? 'select contact_id from find_contacts($1, $2, $3, $4)'
        : `select r.id as contact_id from find_contacts($1, $2, $3, ${mostMatches}) found
           join contacts r on r.tenant_id = (select current_tenant()) and r.id = found.contact_id
           where ${visible} order by r.id desc limit $4`,
      values,
    )
    const ids = found.map((row) => row.contact_id)
    return (await viewContacts(query, actor.tenantId, ids)).reverse()
  })
}

/** Customers by part of a name, company, e-mail address or phone number, newest first. */
export function searchCustomers(
  deps: Pick<LogDeps, 'db'>,
  actor: Actor,
  input: Search,
): Promise<Page<CustomerHit>> {
  return page(deps, actor, 'search customers', input, (query, below) =>
    query<CustomerHit>(
      `select c.id, c.name, c.company, c.email, c.phone from find_customers($2, $3, $4) found
       join customers c on c.tenant_id = $1 and c.id = found.customer_id order by c.id desc`,
      [actor.tenantId, contactLike(input.q), below, input.limit + 1],
    ),
  )
}

/** Deals that the actor may read, by part of their title, newest first. */
export function searchDeals(deps: Pick<LogDeps, 'db'>, actor: Actor, input: Search): Promise<Page<DealHit>> {
  permit(actor, 'deal.read')
  return page(deps, actor, 'search deals', input, (query, below) =>
    query<DealHit>(
      `select d.id, d.title, d.stage_id as "stageId", d.customer_id as "customerId", d.contact_id as "contactId"
       from find_deals($2, $3, $4, $5) found join deals d on d.tenant_id = $1 and d.id = found.deal_id order by d.id desc`,
      [actor.tenantId, contactLike(input.q), readerOf(actor), below, input.limit + 1],
    ),
  )
}

/** Whose deals may be found beside nobody's; null is everybody's. */
function readerOf(actor: Actor): string | null {
  return actor.kind === 'system' || can(actor, 'deal.read', { ownerId: nobody }) ? null : actor.id
}

const nobody = '00000000-0000-0000-0000-000000000000'

function page<Hit extends { id: number }>(
  deps: Pick<LogDeps, 'db'>,
  actor: Actor,
  kind: string,
  input: Search,
  find: (query: Query, below: number | null) => Promise<Hit[]>,
): Promise<Page<Hit>> {
  permit(actor, 'record.read')
  const [below] = input.cursor === undefined ? [null] : decodeCursor(kind, input.cursor, z.tuple([z.int32()]))
  return readTenant(deps, actor.tenantId, async (query) =>
    pageOf(
      await find(query, below),
      input.limit,
      (hit) => hit,
      (hit) => encodeCursor(kind, [hit.id]),
    ),
  )
}
