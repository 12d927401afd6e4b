import pg from 'pg'
import { expect, test } from 'vitest'
import { ingestChannel } from '../harness/ingest-channel.ts'
import { eventually } from '../harness/eventually.ts'
import { delivery, person, type Person, written } from './cloud-bodies.ts'
import { startIngest } from './ingest-hub.ts'

test('[IN8] a message and an answer of somebody whose contact goes on in another one at the same moment are not left behind', async () => {
  await using hub = await startIngest()
  const other = await hub.addNumber()
  const known = person('Cora')
  const hidden: Person = { userId: 'US.77', name: 'Cora' }
  await hub.deliver(written(known, 'by number'))
  await hub.ingest()
  await hub.deliver(written(hidden, 'by user id'))
  await hub.ingest()
  const [first] = await hub.asOwner<{ id: number }>(
    'select contact_id as id from contact_identities where value = $1',
    [known.number],
  )

  // Both wait for the contact: first who merges it, then who wants a conversation with it and thinks that it is Cora.
  const holder = new pg.Client({ connectionString: hub.hub.config.DATABASE_URL })
  await holder.connect()
  await holder.query('begin')
  await holder.query('select 1 from contacts where id = $1 for update', [first?.id])
  const waiting = (count: number) =>
    eventually(async () => {
      const rows = await hub.asOwner(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      )
      expect(rows).toHaveLength(count)
    })
  const key = (channelId: string) => ({ tenantId: hub.hub.tenant.id, channelId })
  await hub.deliver(written({ ...known, ...hidden }, 'both at once'))
  const merging = ingestChannel(hub.hub.deps, key(hub.number.channelId))
  await waiting(1)
  await hub.post(other, delivery(other, [written(known, 'on the other number')]))
  const writing = ingestChannel(hub.hub.deps, key(other.channelId))
  await waiting(2)
  await holder.query('commit')
  await holder.end()
  await Promise.all([merging, writing])

  const { contacts, conversations, messages } = await hub.shown()
  const live = contacts.filter(({ deletedAt }) => deletedAt === null)
  expect(live).toHaveLength(1)
  expect(messages).toHaveLength(4)
  expect(new Set(conversations.map(({ contact }) => contact.id))).toEqual(new Set([live[0]?.id]))
})
