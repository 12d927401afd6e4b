import { expect, test } from 'vitest'
import { startGatewayHub } from './setup.ts'

test('[GW1] a live socket hears what is committed, in order, each once', async () => {
  await using hub = await startGatewayHub()
  const ana = hub.connect()
  const hello = await ana.next('hello')
  expect(hello).toMatchObject({ protocol: 1, user: { role: 'admin' }, tenant: { slug: 'main' } })
  await ana.next('caught-up')
  const before = ana.seqs.length
  await hub.happen(3)
  await hub.happen(1)
  const last = await ana.next('consent.changed', () => ana.seqs.length === before + 4)
  expect(ana.seqs).toHaveLength(before + 4)
  expect(last).toMatchObject({ epoch: 1, type: 'consent.changed', actor: { kind: 'system' } })
  expect(ana.faults).toEqual([])
})
