import { randomBytes } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { migrateDown, migrateUp, migrationsDirectory } from '../../src/platform/migrate.ts'
import { databaseUrl } from '../harness/database.ts'

const [closing, open] = ['01a1fcee-c940-7000-9cf0-c2319d33019a', '01a1fcee-c940-7000-9cf0-c2319d33019b']
const [number, talk] = ['01a1fcee-c940-7000-9cf0-c2319d330001', '01a1fcee-c940-7000-9cf0-c2319d330002']

test('[NEAR1] events from before say what their record was about, where a number is closed, and forget it on the way back', async () => {
  const name = `upgrade_${randomBytes(6).toString('hex')}`
  const server = new pg.Client({ connectionString: inject('pgUrl') })
  await server.connect()
  await server.query(`create database ${name}`)
  await server.end()
  const config = { DATABASE_URL: databaseUrl(name), DATABASE_OWNER_URL: undefined, DATABASE_SCHEMA: 'public' }
  const upTo = (version: string) => {
    const directory = mkdtempSync(join(tmpdir(), 'migrations-'))
    for (const file of readdirSync(migrationsDirectory).filter((file) => file < version))
      cpSync(join(migrationsDirectory, file), join(directory, file))
    return directory
  }
  const [before, after] = [upTo('000042'), upTo('000043')]
  await migrateUp(config, before)
  const db = new pg.Client({ connectionString: config.DATABASE_URL })
  await db.connect()
  try {
    for (const id of [closing, open])
      await db.query('insert into tenants (id, slug, name, shard) values ($1, $2, $2, 1)', [id, id])
    await db.query(
      `insert into channels (tenant_id, id, provider, name, status, secrets, external_id, webhook_key, members_only)
       values ($1, $2, 'fake', 'closed', 'connected', '\\x00', 'x', 'x', true)`,
      [closing, number],
    )
    await db.query(`insert into contacts (tenant_id, id, first_name) values ($1, 7, 'Zoe')`, [closing])
    await db.query(
      `insert into conversations (tenant_id, id, number, channel_id, contact_id) values ($1, $2, 1, $3, 7)`,
      [closing, talk, number],
    )
    const { rows: stages } = await db.query<{ id: number }>(
      `with p as (insert into pipelines (tenant_id, name) values ($1, 'p') returning id)
       insert into pipeline_stages (tenant_id, name, position, probability, pipeline_id) select $1, 's', 1, 10, id from p returning id`,
      [closing],
    )
    await db.query(
      `insert into deals (tenant_id, id, title, stage_id, contact_id, probability, position) values ($1, 3, 'x', $2, 7, 10, 'a0')`,
      [closing, stages[0]?.id],
    )
    const events: [tenant: string, type: string, ownerId: string | null, record: object][] = [
      [closing, 'deal', null, { contactId: 7, conversationIds: [talk] }],
      [closing, 'deal', number, { contactId: 7, conversationIds: [talk] }],
      [closing, 'deal', null, { contactId: null, conversationIds: [] }],
      [closing, 'activity', null, { contactId: null, conversationId: talk, dealId: null }],
      [closing, 'note', null, { contactId: null, conversationId: null, dealId: 3 }],
      [open, 'deal', null, { contactId: 7, conversationIds: [talk] }],
    ]
    for (const [place, [tenant, type, ownerId, record]] of events.entries())
      await db.query(
        `insert into events (tenant_id, epoch, seq, type, scope, actor, payload) values ($1, 1, $2, $3, $4, '{}', $5)`,
        [
          tenant,
          place + 1,
          `${type}.updated`,
          { kind: 'owned', action: type === 'activity' ? 'activity.read' : 'deal.read', ownerId },
          { [type]: record },
        ],
      )
    const scopes = async () => {
      const { rows } = await db.query<{ scope: object }>('select scope from events order by seq')
      return rows.map(({ scope }) => scope)
    }
    const [deal, activity] = ['deal.read', 'activity.read'].map((action) => ({
      kind: 'owned',
      action,
      ownerId: null,
    }))
    const former = [deal, { ...deal, ownerId: number }, deal, activity, deal, deal]
    expect(await scopes()).toEqual(former)
    await migrateUp(config, after)
    expect(await scopes()).toEqual([
      { ...deal, contactId: 7, channelIds: [number] },
      { ...deal, ownerId: number },
      deal,
      { ...activity, channelIds: [number] },
      { ...deal, contactId: 7 },
      deal,
    ])
    await migrateDown(config, 1, after)
    expect(await scopes()).toEqual(former)
  } finally {
    await db.end()
    for (const directory of [before, after]) rmSync(directory, { recursive: true })
  }
}, 60_000)
