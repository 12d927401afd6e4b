import pg from 'pg'
import { expect, test } from 'vitest'
import { maintenance } from '../../workers/maintenance.ts'
import { openIngest } from '../../src/domain/webhooks/ingest.ts'
import type { Connection } from '../../src/platform/corked-client.ts'
import { type Db, mostPlans, statement } from '../../src/platform/db.ts'
import { explain, type Reading, readingIn } from '../crm/query-plans.ts'
import { delivery, person, wamid, written } from './cloud-bodies.ts'
import { startIngest } from './ingest-hub.ts'

/** How the statements that tenants share were read, by their texts. */
type Readings = Map<string, Reading>

/**
 * Asks one statement after another, and those that tenants share twice: first only to see how it is done, by the plan that the
 * connection keeps for it.
 */
function watched(client: Connection, readings: Readings): Connection {
  let last: Promise<unknown> = Promise.resolve()
  const ask: Connection['ask'] = (statement) => {
    const asked = last.then(async () => {
      const { name, text, values = [] } = statement
      if (text.includes('json_to_recordset($1)')) {
        const given = values.map((value) => pg.escapeLiteral(String(value))).join(', ')
        await client.query('savepoint watched')
        const { rows } = await client.query<object>(`${explain} execute "${name}"(${given})`)
        await client.query('rollback to watched')
        readings.set(text, readingIn(rows))
      }
      return client.ask(statement)
    })
    last = asked.catch(() => {})
    return asked
  }
  return Object.assign(Object.create(client) as Connection, { ask })
}

test('[IN10] [IN11] statements that tenants share read the rows that they name and no others, however many there are', async () => {
  // As in a process in which everything else was done before: no text earns a plan any more.
  for (let n = 0; n < 3 * mostPlans; n++) statement(`select ${n % mostPlans}`, [])
  await using hub = await startIngest({ WEBHOOK_LANES: '1' })
  const { deps, tenant } = hub.hub
  const second = await hub.hub.addTenant()
  const offices = [
    { tenantId: tenant.id, number: hub.number },
    { tenantId: second.id, number: await hub.addNumber({ tenant: second.id }) },
  ]
  const cora = person()
  const readings: Readings = new Map()
  // Always the same connection, so that its plans are the kept ones.
  const client = (await deps.db.write.connect()) as Connection
  hub.hub.onClose(() => Promise.resolve(client.release()))
  const query = client.query.bind(client)
  const taken = { ask: client.ask.bind(client), query, release: () => {} } as unknown as Connection
  const watching = watched(taken, readings)
  let isWatching = false
  const connect = () => Promise.resolve(isWatching ? watching : taken)
  const write = { connect } as unknown as Db['write']
  const ingest = openIngest({ ...deps, db: { ...deps.db, write } }, () => {})
  hub.hub.onClose(() => ingest.close())
  const round = async () => {
    for (const { number } of offices) {
      const { status } = await hub.post(
        number,
        delivery(number, [written(cora, 'hello', { replyTo: wamid() })]),
      )
      expect(status).toBe(200)
    }
    const looks = offices.map(({ tenantId, number }) =>
      ingest.wake({ tenantId, channelId: number.channelId }),
    )
    expect(await Promise.all(looks)).toEqual([1, 1])
  }

  // Often enough for each statement to have its plan.
  for (let n = 0; n < 5; n++) await round()
  for (const { tenantId, number } of offices) {
    const own = [tenantId, number.channelId]
    await hub.asOwner(
      `with people as (
         insert into contacts (tenant_id, first_name) select $1, 'Somebody ' || n from generate_series(1, 20000) n returning id
       ), addresses as (
         insert into contact_identities (tenant_id, kind, value, contact_id) select $1, 'phone', '99' || id, id from people
       ), threads as (
         insert into conversations (tenant_id, id, number, channel_id, contact_id, status)
         select $1, gen_random_uuid(), 1000 + id, $2, id, case when id % 2 = 0 then 'open' else 'resolved' end from people
         returning id
       ) insert into messages (tenant_id, id, conversation_id, channel_id, seq, direction, author_kind, type, status, provider_message_id, sent_at)
       select $1, gen_random_uuid(), id, $2, 1, 'in', 'contact', 'text', 'received', 'wamid.old.' || id, now() from threads`,
      own,
    )
    await hub.asOwner(
      `insert into webhook_inbox (tenant_id, channel_id, provider, hash, body, state, processed_at)
       select $1, $2::uuid, 'whatsapp-cloud', sha256(convert_to($2::uuid || '' || n, 'UTF8')), '\\x7b7d', 'done', now() from generate_series(1, 20000) n`,
      own,
    )
    await hub.asOwner(
      `insert into parked_updates (tenant_id, id, channel_id, provider_message_id, item, expires_at)
       select $1, gen_random_uuid(), $2, 'wamid.unknown.' || n, '{}', now() + interval '1 day' from generate_series(1, 5000) n`,
      own,
    )
  }
  // Plans of the beginning are made anew without waiting for autovacuum.
  const grown = maintenance(deps).find(({ name }) => name === 'grown-tables')
  await grown?.run(async (text, values = []) => (await deps.db.write.query(text, [...values])).rows)
  isWatching = true
  await round()
  expect([...readings.keys()].map((text) => text.replaceAll(/\s+/g, ' ').slice(0, 90))).toHaveLength(9)
  const wrong = [...readings].filter(([, { scanned, looked }]) => scanned.length > 0 || looked > 40)
  expect(wrong).toEqual([])
})
