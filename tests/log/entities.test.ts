import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Channel } from '../../src/domain/channels/channel.entity.ts'
import { encryptSecrets } from '../../src/domain/channels/secrets.ts'
import { readTenant } from '../../src/log/read-tenant.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { type Hub, startHub } from '../harness/hub.ts'

let hub: Hub
beforeAll(async () => {
  hub = await startHub()
})
afterAll(() => hub[Symbol.asyncDispose]())

const query = <Row extends object>(text: string, values: unknown[] = []) =>
  readTenant(hub.deps, hub.tenant.id, (ask) => ask<Row>(text, values))

let made = 0
/** A number, which is such a record. */
async function create(): Promise<{ id: string }> {
  made += 1
  const channel = await hub.addChannel({
    provider: 'fake',
    settings: { number: `${made}`, baseUrl: 'http://127.0.0.1:9' },
    secrets: {},
    externalId: `${made}`,
  })
  await inTenant(hub.deps, hub.tenant.id, (tx) =>
    tx.query('update channels set name = $3, version = 1 where tenant_id = $1 and id = $2', [
      tx.tenantId,
      channel.id,
      'As it was',
    ]),
  )
  return channel
}

describe('records that people edit, in a tenant transaction', () => {
  test('[LOG3] an entity that was changed is rolled back with everything else', async () => {
    const channel = await create()
    const failing = inTenant(hub.deps, hub.tenant.id, async (tx) => {
      const entity = await tx.em.findOneOrFail(Channel, { id: channel.id })
      entity.name = 'never seen'
      await tx.flush()
      const [inside] = await tx.query<{ name: string }>('select name from channels where id = $1', [
        channel.id,
      ])
      expect(inside?.name).toBe('never seen')
      throw new Error('changed my mind')
    })
    await expect(failing).rejects.toThrow('changed my mind')
    expect(await query('select name, version from channels where id = $1', [channel.id])).toEqual([
      { name: 'As it was', version: 1 },
    ])
  })

  test('an entity is flushed by the transaction itself, before its events', async () => {
    const channel = await create()
    await inTenant(hub.deps, hub.tenant.id, async (tx) => {
      const entity = await tx.em.findOneOrFail(Channel, { id: channel.id })
      entity.name = 'Flushed at the end'
    })
    expect(await query('select name, version from channels where id = $1', [channel.id])).toEqual([
      { name: 'Flushed at the end', version: 2 },
    ])
  })

  test('[TEN2] an entity of another tenant cannot be found, changed or made', async () => {
    const channel = await create()
    const other = await hub.addTenant()
    await inTenant(hub.deps, other.id, async (tx) => {
      expect(await tx.em.findOne(Channel, { id: channel.id })).toBeNull()
      expect(await tx.em.nativeUpdate(Channel, { id: channel.id }, { name: 'stolen' })).toBe(0)
    })
    const forging = inTenant(hub.deps, other.id, async (tx) => {
      tx.em.create(Channel, {
        id: '0198f000-0000-7000-8000-00000000000a',
        tenantId: hub.tenant.id,
        provider: 'whatsapp-cloud',
        name: 'forged',
        status: 'connected',
        settings: {},
        secrets: encryptSecrets(hub.config, {}),
        externalId: 'forged',
        webhookKey: 'forged',
        health: {},
        version: 1,
        createdAt: tx.now,
        updatedAt: tx.now,
      })
    })
    await expect(forging).rejects.toThrow('row-level security')
  })

  test('a row that somebody else changed meanwhile is not overwritten', async () => {
    const channel = await create()
    const stale = inTenant(hub.deps, hub.tenant.id, async (tx) => {
      const entity = await tx.em.findOneOrFail(Channel, { id: channel.id })
      await inTenant(hub.deps, hub.tenant.id, (other) =>
        other
          .query('update channels set name = $2, version = version + 1 where id = $1', [channel.id, 'theirs'])
          .then(() => {}),
      )
      entity.name = 'mine'
    })
    await expect(stale).rejects.toMatchObject({ name: 'OptimisticLockError' })
    expect(await query('select name from channels where id = $1', [channel.id])).toEqual([{ name: 'theirs' }])
  })
})
