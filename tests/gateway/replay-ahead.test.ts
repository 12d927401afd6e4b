import { expect, test } from 'vitest'
import { openDeps } from '../../src/deps.ts'
import { readHead } from '../../src/log/read.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { recordFacts, startGatewayHub } from './setup.ts'

test('[GW2] a replay that read further than its gateway has heard goes live from there, without a reset', async () => {
  await using hub = await startGatewayHub({ SOCKET_TAIL_EVENTS: '1', POLL_MS: '2000' })
  const first = hub.connect()
  await first.next('caught-up')
  await hub.happen(5)
  const heard = await readHead(hub.deps, hub.tenant.id)
  await first.next('consent.changed', ({ seq }) => seq === heard.seq)
  // Somebody whose bells nobody hears: the gateway learns of these by its next poll.
  const silent = openDeps({ ...hub.config, REDIS_URL: ['redis://127.0.0.1:1'] }, 'silent')
  hub.onClose(() => silent.close())
  await inTenant(silent, hub.tenant.id, (tx) => Promise.resolve(recordFacts(tx, 10)))

  const back = hub.connect({ position: '1:0' })
  await back.next('caught-up')
  expect(back.of('reset')).toEqual([])
  expect(back.seqs).toEqual(Array.from({ length: heard.seq + 10 }, (_, place) => place + 1))
  await hub.happen(1)
  const last = heard.seq + 11
  await back.next('consent.changed', ({ seq }) => seq === last)
  await first.next('consent.changed', ({ seq }) => seq === last)
  expect(back.seqs).toEqual(Array.from({ length: last }, (_, place) => place + 1))
  expect([...first.faults, ...back.faults]).toEqual([])
})
