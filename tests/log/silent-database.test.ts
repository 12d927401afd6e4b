import { expect, test } from 'vitest'
import { readTenant } from '../../src/log/read-tenant.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { createDatabase } from '../harness/database.ts'
import { eventually } from '../harness/eventually.ts'
import { startTcpProxy } from '../harness/tcp-proxy.ts'
import { startGatewayHub } from '../gateway/setup.ts'

test('[REST11] [GW2] a database that is gone without a word is given up in bounded time, and the next connection works', async () => {
  const url = new URL((await createDatabase()).url)
  await using line = await startTcpProxy(Number(url.port))
  url.port = String(line.port)
  await using hub = await startGatewayHub({
    DATABASE_URL: url.toString(),
    DATABASE_STATEMENT_MS: '1000',
    POLL_MS: '200',
  })
  const { deps, tenant } = hub
  const ana = hub.connect()
  await ana.next('caught-up')
  await hub.happen()
  await ana.next('consent.changed')
  const ask = [
    () => inTenant(deps, tenant.id, (tx) => tx.query('select 1')),
    () => readTenant(deps, tenant.id, (query) => query('select 1')),
  ]
  for (const one of ask) await one()

  line.freeze()
  const at = performance.now()
  for (const one of await Promise.allSettled(ask.map((one) => one())))
    expect(one).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } })
  expect(performance.now() - at).toBeLessThan(5000)
  await eventually(async () => {
    for (const one of ask) await one()
  })
  await hub.happen()
  await eventually(() => expect(ana.of('consent.changed')).toHaveLength(2))
  expect(ana.faults).toEqual([])
})
