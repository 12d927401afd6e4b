import pg from 'pg'

/** The least that keeps a webhook before it is answered, and a message with its conversation and its event: no row security. */
const tables = `
create schema if not exists bare;
create table if not exists bare.inbox (
  id bigserial primary key, hash text not null unique, tenant text not null, body bytea not null, done boolean not null default false);
create index if not exists inbox_waiting on bare.inbox (id) where not done;
create table if not exists bare.contacts (
  id serial primary key, tenant text not null, phone text not null, name text, unique (tenant, phone));
create table if not exists bare.conversations (
  id serial primary key, tenant text not null, contact_id integer not null unique references bare.contacts,
  unread integer not null default 0, last_message_at timestamptz);
create table if not exists bare.messages (
  id serial primary key, tenant text not null, conversation_id integer not null references bare.conversations,
  provider_id text not null unique, type text not null, text text, sent_at timestamptz not null, created_at timestamptz not null);
create index if not exists messages_in_order on bare.messages (tenant, conversation_id, id);
create table if not exists bare.heads (tenant text primary key, seq bigint not null default 0);
create table if not exists bare.events (tenant text, seq bigint, payload json not null, primary key (tenant, seq))`

/** One connection, whose statements of one turn go out together; plans are made once and go by indexes. */
export async function openBare(databaseUrl: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    pipeline: true,
    options: '-c plan_cache_mode=force_generic_plan -c enable_seqscan=off',
  })
  await client.connect()
  return client
}

export async function makeTables(client: pg.Client, tenants: readonly string[]): Promise<void> {
  await client.query(tables)
  await client.query('insert into bare.heads (tenant) select unnest($1::text[]) on conflict do nothing', [
    tenants,
  ])
}

export interface Kept {
  readonly hash: string
  readonly tenant: string
  readonly body: Buffer
}

export async function keep(client: pg.Client, kept: readonly Kept[]): Promise<void> {
  await client.query({
    name: 'keep',
    text: `insert into bare.inbox (hash, tenant, body)
      select h, t, decode(b, 'base64') from unnest($1::text[], $2::text[], $3::text[]) as v(h, t, b) on conflict do nothing`,
    values: [
      kept.map(({ hash }) => hash),
      kept.map(({ tenant }) => tenant),
      kept.map(({ body }) => body.toString('base64')),
    ],
  })
}

/** A message as it came, and what its listeners are told. */
export interface Said {
  readonly tenant: string
  readonly phone: string
  readonly name: string | null
  readonly providerId: string
  readonly type: string
  readonly text: string | null
  readonly sentAt: Date
}

interface Talk {
  readonly id: number
  readonly tenant: string
  readonly contact_id: number
  readonly phone: string
  readonly name: string | null
  unread: number
}

/** What waits, the oldest first, in an open transaction; of all tenants at once. */
export async function claim(client: pg.Client): Promise<{ id: string; tenant: string; body: Buffer }[]> {
  const [, { rows }] = await Promise.all([
    client.query({ name: 'begin', text: 'begin' }),
    client.query<{ id: string; tenant: string; body: Buffer }>({
      name: 'claim',
      text: 'select id, tenant, body from bare.inbox where not done order by id limit 200 for update',
    }),
  ])
  return rows
}

/** Writes messages, their conversations and one event each, and commits. Answers with the events. */
export async function write(
  client: pg.Client,
  said: readonly Said[],
  inboxIds: readonly string[],
): Promise<{ tenant: string; payload: object }[]> {
  const talks = new Map((await talksOf(client, said)).map((talk) => [`${talk.tenant} ${talk.phone}`, talk]))
  const rows = said.map((one) => {
    const talk = talks.get(`${one.tenant} ${one.phone}`) as Talk
    talk.unread += 1
    const { providerId, type, text, sentAt } = one
    const from = { id: talk.contact_id, name: talk.name, phone: talk.phone }
    const payload = {
      message: { conversationId: talk.id, providerId, type, text, sentAt, from },
      conversation: { id: talk.id, unread: talk.unread, lastMessageAt: sentAt },
    }
    return { ...one, conversationId: talk.id, payload }
  })
  await Promise.all([
    client.query({ name: 'write', text: writing, values: [JSON.stringify(rows), inboxIds] }),
    client.query({ name: 'commit', text: 'commit' }),
  ])
  return rows
}

const writing = `
with given as materialized (
  select * from json_to_recordset($1) as v(tenant text, "conversationId" integer, "providerId" text, type text, text text,
    "sentAt" timestamptz, payload json)
), written as (
  insert into bare.messages (tenant, conversation_id, provider_id, type, text, sent_at, created_at)
  select tenant, "conversationId", "providerId", type, text, "sentAt", now() from given
), talked as (
  update bare.conversations c set unread = c.unread + n, last_message_at = latest
  from (select "conversationId" as id, count(*) as n, max("sentAt") as latest from given group by 1) g where c.id = g.id
), ended as (
  update bare.inbox set done = true where id = any($2)
), heads as (
  update bare.heads h set seq = seq + n from (select tenant, count(*) as n from given group by 1) g
  where h.tenant = g.tenant returning h.tenant, h.seq, n
)
insert into bare.events
select g.tenant, h.seq - h.n + row_number() over (partition by g.tenant), g.payload
from given g join heads h on h.tenant = g.tenant`

/** The conversations of who wrote, locked; made where there is none. */
async function talksOf(client: pg.Client, said: readonly Said[]): Promise<Talk[]> {
  const tenants = said.map(({ tenant }) => tenant)
  const phones = said.map(({ phone }) => phone)
  const look = async () => {
    const { rows } = await client.query<Talk>({
      name: 'talks',
      text: `select c.id, c.tenant, c.contact_id, c.unread, k.phone, k.name
        from (select distinct t, p from unnest($1::text[], $2::text[]) as v(t, p)) v
        join bare.contacts k on k.tenant = v.t and k.phone = v.p join bare.conversations c on c.contact_id = k.id
        order by c.id for update of c`,
      values: [tenants, phones],
    })
    return rows
  }
  const found = await look()
  const known = new Set(found.map(({ tenant, phone }) => `${tenant} ${phone}`))
  if (said.every(({ tenant, phone }) => known.has(`${tenant} ${phone}`))) return found
  await client.query(
    `with made as (
       insert into bare.contacts (tenant, phone, name)
       select distinct on (t, p) t, p, n from unnest($1::text[], $2::text[], $3::text[]) as v(t, p, n)
       on conflict do nothing returning id, tenant)
     insert into bare.conversations (tenant, contact_id) select tenant, id from made`,
    [tenants, phones, said.map(({ name }) => name)],
  )
  return look()
}
