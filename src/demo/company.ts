import { presentActor } from '../auth/actor.ts'
import type { Deps } from '../deps.ts'
import { customerKind } from '../domain/customers/customer-kind.ts'
import { hearersOfContact } from '../domain/contacts/contact-sight.ts'
import { viewContacts } from '../domain/contacts/present-contact.ts'
import { createRecord } from '../domain/records/write-record.ts'
import { inTenant, type TenantTx } from '../log/tenant-tx.ts'
import { uuidv7 } from '../platform/uuid.ts'
import type { Staff } from './people.ts'

const teams = [
  { name: 'Support', members: ['aiko', 'ben'] },
  { name: 'Sales', members: ['ben'] },
] as const

/** Companies, and which of the simulator's customers (by place) work there. */
const companies = [
  { name: 'Brandt Ceramics', status: 'active', website: 'https://brandt.example', staff: [1, 3] },
  { name: 'Costa Catering', status: 'active', website: 'https://costa.example', staff: [2] },
  { name: 'Eriksen Bikes', status: 'prospect', website: 'https://eriksen.example', staff: [4] },
  { name: 'García Interiors', status: 'lead', website: 'https://garcia.example', staff: [6] },
] as const

/** Teams with their members; the ids by name. Teams that are there stay as they are. */
export function ensureTeams(deps: Deps, staff: Staff): Promise<Record<string, string>> {
  const { tenantId } = staff.admin
  return inTenant(deps, tenantId, async (tx) => {
    const ids: Record<string, string> = {}
    for (const { name, members } of teams) {
      const made = await tx.query(
        `insert into teams (tenant_id, id, name) values ($1, $2, $3) on conflict (tenant_id, name) do nothing returning id`,
        [tenantId, uuidv7(), name],
      )
      const [team] = await tx.query<{ id: string }>(
        'select id from teams where tenant_id = $1 and name = $2',
        [tenantId, name],
      )
      if (team === undefined) continue
      ids[name] = team.id
      if (made.length === 0) continue
      for (const member of members)
        await tx.query('insert into team_members (tenant_id, team_id, user_id) values ($1, $2, $3)', [
          tenantId,
          team.id,
          staff[member].id,
        ])
    }
    return ids
  })
}

/** Customers of the CRM, and the contacts that belong to them. `phones`: digits by the place of the simulator's customers. */
export async function foundCompanies(deps: Deps, staff: Staff, phones: readonly string[]): Promise<void> {
  const { tenantId } = staff.admin
  const found = async (tx: TenantTx): Promise<void> => {
    for (const { staff: places, ...company } of companies) {
      const [known] = await tx.query<{ id: number }>(
        'select id from customers where tenant_id = $1 and name = $2 limit 1',
        [tenantId, company.name],
      )
      if (known) continue
      const customer = await createRecord(
        tx,
        customerKind,
        { actor: staff.manager },
        { ...company, company: company.name, source: 'demo', ownerId: staff.manager.id },
      )
      await employ(
        tx,
        customer.id,
        places.map((place) => phones[place] ?? ''),
      )
    }
  }
  await inTenant(deps, tenantId, found, presentActor(staff.manager))
}

async function employ(tx: TenantTx, customerId: number, phones: readonly string[]): Promise<void> {
  const employed = await tx.query<{ id: number }>(
    `update contacts c set customer_id = $2, version = c.version + 1, updated_at = $4
     where c.tenant_id = $1 and c.customer_id is null and c.id in (
       select i.contact_id from contact_identities i
       where i.tenant_id = $1 and i.kind in ('phone', 'wa_id') and i.value = any($3))
     returning c.id`,
    [tx.tenantId, customerId, phones, tx.now],
  )
  const ids = employed.map(({ id }) => id)
  for (const contact of await viewContacts(tx.query.bind(tx), tx.tenantId, ids))
    tx.record('contact.updated', { contact }, hearersOfContact(contact.id))
}
