import type pg from 'pg'

/** How many records of each kind there are, over all tenants. */
export interface SeedSizes {
  readonly customers: number
  readonly contacts: number
  readonly deals: number
  readonly activities: number
}

/** A tenant that exists, and its part of all records, from 0 to 1. */
export interface SeedTenant {
  readonly id: string
  readonly share: number
}

/** As in an installation that has grown: one tenant has most, a few have some, the others share what is left. */
export function sharesOf(tenants: readonly { readonly id: string }[]): SeedTenant[] {
  const [biggest, second] = [0.6, 0.1]
  const rest = (1 - biggest - second) / Math.max(1, tenants.length - 2)
  return tenants.map(({ id }, place) => ({ id, share: [biggest, second][place] ?? rest }))
}

const tables = [
  'customers',
  'customer_tags',
  'contacts',
  'contact_identities',
  'conversations',
  'deals',
  'deal_stage_changes',
  'activities',
] as const

/**
 * Fills tenants with customers, tags, people, conversations, deals, their moves and activities, each in one statement for
 * each tenant. Skewed as life is: few owners have most, some tags and states are rare, what was made lately is changed
 * lately, names have accents, one in fifty is deleted.
 *
 * The connection must be a superuser's: foreign keys are not checked (they hold by construction), and indexes are built
 * after the rows when there are many. Cost: 1 M customers, 1 M deals, 0.5 M people and 0.5 M activities in about two minutes.
 */
export async function seedRecords(
  client: pg.Client,
  tenants: readonly SeedTenant[],
  sizes: SeedSizes,
  log: (line: string) => void = () => {},
): Promise<void> {
  const startedAt = performance.now()
  const says = (line: string) => log(`${((performance.now() - startedAt) / 1000).toFixed(0)} s: ${line}`)
  await client.query(
    `set session_replication_role = replica; set maintenance_work_mem = '512MB'; set work_mem = '64MB'`,
  )
  await client.query('select setseed(0.42)')
  const dropped = await dropIndexes(client)
  for (const { id, share } of tenants) {
    const counts = {
      customers: Math.round(sizes.customers * share),
      contacts: Math.round(sizes.contacts * share),
      deals: Math.round(sizes.deals * share),
      activities: Math.round(sizes.activities * share),
    }
    await client.query('begin')
    await seedTenant(client, id, counts)
    await client.query('commit')
    if (share >= 0.1) says(`a tenant with ${counts.customers} customers`)
  }
  for (const definition of dropped) await client.query(definition)
  says(`${dropped.length} indexes`)
  await client.query(`reset session_replication_role`)
  await client.query(`vacuum analyze ${tables.join(', ')}, users, tags, pipeline_stages`)
  says('done')
}

/** Takes away what is no constraint; answers with how to make it again. */
async function dropIndexes(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string; definition: string }>(
    `select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition
     from pg_index i where i.indrelid = any ($1::regclass[]) and not exists (select from pg_constraint c where c.conindid = i.indexrelid)`,
    [tables],
  )
  for (const { name } of rows) await client.query(`drop index ${name}`)
  return rows.map(({ definition }) => definition)
}

const firstNames = `array['Łukasz','Zoë','José','Anna','Björn','Chloé','Émile','Fatima','Günther','Håkan','Inês','Jürgen','Lucía','Marek','Noël','Özlem','Paul','Renée','Søren','Thomas']`
const lastNames = `array['Müller','Schmidt','García','Łódzki','O''Brien','Núñez','Bauer','Lefèvre','Yılmaz','Ångström','Novák','Rossi','Silva','Jensen','Weiß','Dvořák','Kowalski','Santos','Moreau','Bach']`
const trades = `array['Bäckerei','Autohaus','Café','Farmácia','Studio','Ferretería','Atelier','Praxis','Kanzlei','Boulangerie','Taller','Gärtnerei','Hotel','Salon','Druckerei']`
const pick = (words: string, chance: string) =>
  `(${words})[1 + floor(${chance} * array_length(${words}, 1))::integer]`
/** Of so many that one is taken whose place is low: half of all goes to the first quarter. */
const skewed = (ids: string, chance: string) =>
  `(${ids})[1 + floor(${chance} * ${chance} * array_length(${ids}, 1))::integer]`
const digits62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const digit = (power: number) => `substr('${digits62}', (i / ${62 ** power}) % 62 + 1, 1)`
/** Three years, in the order of ids. */
const madeAt = (count: string) => `now() - interval '3 years' * (1 - i::float8 / (${count} + 1))`
const changedAt = `made + (now() - made) * (u * u * u)`
const deletedAt = `case when floor(d * 50) = 0 then now() - interval '1 day' * (d * 50) end`

async function seedTenant(client: pg.Client, tenantId: string, counts: SeedSizes): Promise<void> {
  const people = Math.max(3, Math.min(40, Math.round(counts.customers / 5000)))
  await client.query(
    `insert into users (tenant_id, id, issuer, subject, email, name, role)
     select $1::uuid, gen_random_uuid(), 'seed', 'seed-' || i, 'seed-' || i || '@example.org', 'Person ' || i,
       case when i % 10 = 0 then 'manager' else 'agent' end
     from generate_series(1, $2::integer) i`,
    [tenantId, people],
  )
  await client.query(
    `insert into tags (tenant_id, name) select $1, 'Tag ' || i from generate_series(1, 30) i`,
    [tenantId],
  )
  await client.query(
    `insert into channels (tenant_id, id, provider, name, status, secrets, external_id, webhook_key)
     select $1::uuid, gen_random_uuid(), 'fake', 'Channel ' || i, 'connected', '\\x00', $1 || '-' || i, $1 || '-' || i
     from generate_series(1, 3) i`,
    [tenantId],
  )
  await seedCustomers(client, tenantId, counts)
  await seedContacts(client, tenantId, counts)
  await seedDeals(client, tenantId, counts)
  await seedActivities(client, tenantId, counts)
}

async function seedCustomers(client: pg.Client, tenantId: string, { customers }: SeedSizes): Promise<void> {
  await client.query(
    `with own as (select array(select id from users where tenant_id = $1 and issuer = 'seed' order by subject) as ids)
     insert into customers (tenant_id, name, email, phone, company, website, status, source, owner_id, created_at, updated_at, deleted_at)
     select $1, ${pick(trades, 'b')} || ' ' || ${pick(lastNames, 'c')} || ' ' || i,
       'office' || i || '@' || lower(md5(i::text)) || '.example', '+49' || (15100000000 + i::bigint * 7919 % 900000000),
       case when b < 0.6 then ${pick(lastNames, 'c')} || ' & ' || ${pick(firstNames, 'a')} end, case when a < 0.3 then 'https://example.org/' || i end,
       case when a < 0.5 then 'lead' when a < 0.7 then 'prospect' when a < 0.95 then 'active' else 'inactive' end,
       case when c < 0.5 then 'web' end, case when o > 0.1 then ${skewed('own.ids', 'o')} end, made, ${changedAt}, ${deletedAt}
     from own, (select i, random() as a, random() as b, random() as c, random() as d, random() as o, random() as u, ${madeAt('$2')} as made
       from generate_series(1, $2::integer) i) g`,
    [tenantId, customers],
  )
  await client.query(
    `with tag as (select array(select id from tags where tenant_id = $1 order by id) as ids)
     insert into customer_tags (tenant_id, customer_id, tag_id)
     select $1, g.id, ${skewed('tag.ids', 'g.a * g.a')} from tag,
       (select c.id, random() as a from customers c, generate_series(1, 2) where c.tenant_id = $1) g
     where g.a < 0.6 on conflict do nothing`,
    [tenantId],
  )
}

/** Of the tenant that `$1` is: the lowest id of a table, and how many there are. Ids of one statement have no gaps. */
const lowest = (table: string) => `(select min(id) from ${table} where tenant_id = $1)`

async function seedContacts(
  client: pg.Client,
  tenantId: string,
  { contacts, customers }: SeedSizes,
): Promise<void> {
  await client.query(
    `with lowest as (select ${lowest('customers')} as id)
     insert into contacts (tenant_id, customer_id, first_name, last_name, email, phone, is_primary, blocked, is_group, created_at, updated_at, deleted_at)
     select $1, case when a < 0.7 then lowest.id + i % $3 end, ${pick(firstNames, 'b')}, ${pick(lastNames, 'c')} || ' ' || i,
       case when b < 0.5 then 'person' || i || '@example.org' end, '+49171' || (1000000 + i), a < 0.7 and i <= $3, u < 0.01, a > 0.98,
       made, ${changedAt}, ${deletedAt}
     from lowest, (select i, random() as a, random() as b, random() as c, random() as d, random() as u, ${madeAt('$2')} as made
       from generate_series(1, $2::integer) i) g`,
    [tenantId, contacts, customers],
  )
  await client.query(
    `insert into contact_identities (tenant_id, kind, value, contact_id)
     select $1, k, substr(c.phone, 2), c.id from contacts c, unnest(array['phone', 'wa_id']) k where c.tenant_id = $1`,
    [tenantId],
  )
  await client.query(
    `with ch as (select array(select id from channels where tenant_id = $1 order by name) as ids)
     insert into conversations (tenant_id, id, number, channel_id, contact_id, last_activity_at)
     select $1, gen_random_uuid(), row_number() over (), ${skewed('ch.ids', 'g.a')}, g.id, g.created_at from ch,
       (select c.id, c.created_at, random() as a from contacts c where c.tenant_id = $1 and c.id % 5 = 0) g`,
    [tenantId],
  )
}

async function seedDeals(
  client: pg.Client,
  tenantId: string,
  { deals, customers, contacts }: SeedSizes,
): Promise<void> {
  await client.query(
    `with own as (select array(select id from users where tenant_id = $1 and issuer = 'seed' order by subject) as ids),
       stage as (select array(select id from pipeline_stages where tenant_id = $1 order by position) as ids),
       lowest as (select ${lowest('customers')} as customer, ${lowest('contacts')} as contact)
     insert into deals (tenant_id, title, customer_id, contact_id, stage_id, owner_id, value_minor, currency, probability,
       expected_close_on, position, entered_stage_at, closed_at, created_at, updated_at, deleted_at)
     select $1, ${pick(trades, 'b')} || ' ' || ${pick(lastNames, 'c')} || ' ' || i, lowest.customer + floor(c * $3)::integer,
       case when b < 0.5 then lowest.contact + floor(b * 2 * $4)::integer end, stage.ids[s], case when o > 0.1 then ${skewed('own.ids', 'o')} end,
       case when v > 0.1 then (power(v, 6) * 10000000)::bigint end, case when v > 0.1 then case when c < 0.8 then 'EUR' else 'USD' end end,
       (array[10, 30, 50, 75, 100, 0])[s], case when u < 0.7 then (made + interval '200 days' * v)::date end,
       'd' || ${[3, 2, 1, 0].map(digit).join(' || ')}, ${changedAt}, case when s > 4 then ${changedAt} end, made, ${changedAt}, ${deletedAt}
     from own, stage, lowest, (
       select h.*, case when a < 0.2 then 1 when a < 0.35 then 2 when a < 0.45 then 3 when a < 0.5 then 4 when a < 0.75 then 5 else 6 end as s
       from (select i, random() as a, random() as b, random() as c, random() as d, random() as o, random() as u, random() as v, ${madeAt('$2')} as made
         from generate_series(1, $2::integer) i) h) g`,
    [tenantId, deals, customers, contacts],
  )
  await client.query(
    `insert into deal_stage_changes (tenant_id, id, deal_id, from_stage_id, to_stage_id, actor, at, seconds_in_stage)
     select $1, gen_random_uuid(), d.id, s.id, d.stage_id, '{"kind": "system"}', d.entered_stage_at,
       extract(epoch from d.entered_stage_at - d.created_at)
     from deals d, (select min(id) as id from pipeline_stages where tenant_id = $1) s where d.tenant_id = $1 and d.stage_id <> s.id`,
    [tenantId],
  )
}

async function seedActivities(
  client: pg.Client,
  tenantId: string,
  { activities, customers, contacts, deals }: SeedSizes,
): Promise<void> {
  await client.query(
    `with own as (select array(select id from users where tenant_id = $1 and issuer = 'seed' order by subject) as ids),
       lowest as (select ${lowest('customers')} as customer, ${lowest('contacts')} as contact, ${lowest('deals')} as deal)
     insert into activities (tenant_id, type, subject, due_at, priority, status, completed_at, assignee_id, customer_id, contact_id, deal_id,
       created_at, updated_at, deleted_at)
     select $1, (array['task', 'call', 'meeting', 'email', 'message'])[1 + floor(b * b * 5)::integer], 'Call ' || ${pick(lastNames, 'c')} || ' ' || i,
       case when u < 0.9 then due end, (array['normal', 'high', 'low', 'urgent'])[1 + floor(c * c * c * 4)::integer], s,
       case when s = 'done' then least(due, now()) end, case when o > 0.1 then ${skewed('own.ids', 'o')} end,
       lowest.customer + floor(a * $3)::integer, case when b < 0.3 then lowest.contact + floor(b / 0.3 * $4)::integer end,
       case when c < 0.5 then lowest.deal + floor(c * 2 * $5)::integer end, made, ${changedAt}, ${deletedAt}
     from own, lowest, (
       select h.*, made + interval '60 days' * a as due,
         case when b < 0.05 then 'cancelled' when made < now() - interval '40 days' and c > 0.03 then 'done' else 'open' end as s
       from (select i, random() as a, random() as b, random() as c, random() as d, random() as o, random() as u, ${madeAt('$2')} as made
         from generate_series(1, $2::integer) i) h) g`,
    [tenantId, activities, customers, contacts, deals],
  )
}
