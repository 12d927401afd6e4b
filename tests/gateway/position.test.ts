import { expect, test } from 'vitest'
import { withTenantOwner } from './owner.ts'
import { startGatewayHub } from './setup.ts'

test('[GW3] edges of a position: equal, one before, future, other epoch, garbage', async () => {
  await using hub = await startGatewayHub()
  await hub.signIn('admin')
  await hub.happen(5)
  const first = hub.connect()
  const head = String((await first.next('caught-up')).position)
  const seq = Number(head.split(':')[1])

  const at = async (position: unknown) => {
    const client = hub.connect({ position })
    const [hello, caughtUp] = [await client.next('hello'), await client.next('caught-up')]
    const answer = {
      hello: hello.position,
      reset: client.of('reset')[0],
      seqs: client.seqs,
      caughtUp: caughtUp.position,
    }
    expect(client.faults).toEqual([])
    client.close()
    return answer
  }
  const whole = { reset: undefined, caughtUp: head }
  expect(await at(undefined)).toEqual({ ...whole, hello: head, seqs: [] })
  expect(await at(head)).toEqual({ ...whole, hello: head, seqs: [] })
  expect(await at(`1:${seq - 1}`)).toEqual({ ...whole, hello: `1:${seq - 1}`, seqs: [seq] })
  expect(await at('1:0')).toEqual({
    ...whole,
    hello: '1:0',
    seqs: Array.from({ length: seq }, (_, i) => i + 1),
  })
  const reset = (reason: string) => ({
    hello: head,
    reset: { reason, position: head },
    seqs: [],
    caughtUp: head,
  })
  expect(await at(`1:${seq + 1}`)).toEqual(reset('future'))
  expect(await at('1:9007199254740991')).toEqual(reset('future'))
  expect(await at(`2:${seq}`)).toEqual(reset('epoch'))
  expect(await at('9999999999:0')).toEqual(reset('epoch'))
  for (const garbage of [
    '1:-1',
    '-1:1',
    '0:1',
    '1:1.5',
    '1: 1',
    'x',
    '',
    '1:99999999999999999999',
    7,
    {},
    ['1:1'],
    'x'.repeat(5000),
  ])
    expect(await at(garbage), JSON.stringify(garbage)).toEqual(reset('invalid'))
})

test('[GW3] E5: a position of another tenant means nothing here and shows nothing of it', async () => {
  await using hub = await startGatewayHub()
  const other = await hub.addTenant()
  await hub.happen(20)
  const client = hub.connect({ token: hub.token('admin', { tenant: other.slug }), position: '1:15' })
  expect(await client.next('reset')).toMatchObject({ reason: 'future' })
  await client.next('caught-up')
  expect(client.facts).toEqual([])
})

test('[GW3] a position whose events were trimmed gets reset, and the session is live from there', async () => {
  await using hub = await startGatewayHub()
  await hub.happen(10)
  await withTenantOwner(hub, (query) => query('delete from events where seq <= 6'))
  const client = hub.connect({ position: '1:3' })
  const reset = await client.next('reset')
  expect(reset).toMatchObject({ reason: 'trimmed' })
  const kept = hub.connect({ position: '1:6' })
  await kept.next('caught-up')
  expect(kept.seqs[0]).toBe(7)
  expect(kept.of('reset')).toEqual([])
  await hub.happen()
  await client.next('consent.changed')
  expect(client.faults).toEqual([])
})

test('[GW3] missing exactly REPLAY_EVENTS is replayed, one more is too far', async () => {
  await using hub = await startGatewayHub({ REPLAY_EVENTS: '30', REPLAY_PAGE: '7', SOCKET_TAIL_EVENTS: '10' })
  await hub.signIn('admin')
  await hub.happen(40)
  const watching = hub.connect()
  const seq = Number(String((await watching.next('caught-up')).position).split(':')[1])
  const just = hub.connect({ position: `1:${seq - 30}` })
  await just.next('caught-up')
  expect(just.seqs).toHaveLength(30)
  expect(just.faults).toEqual([])
  const beyond = hub.connect({ position: `1:${seq - 31}` })
  expect(await beyond.next('reset')).toMatchObject({ reason: 'too_far' })
  expect(beyond.seqs).toEqual([])
})

test('[GW3] who was away longer than REPLAY_HOURS starts from a snapshot', async () => {
  await using hub = await startGatewayHub()
  await hub.signIn('admin')
  await hub.happen(3)
  await withTenantOwner(hub, (query) =>
    query(`update events set occurred_at = occurred_at - interval '25 hours' where seq = 2`),
  )
  const late = hub.connect({ position: '1:1' })
  expect(await late.next('reset')).toMatchObject({ reason: 'too_far' })
  const recent = hub.connect({ position: '1:2' })
  await recent.next('caught-up')
  expect(recent.of('reset')).toEqual([])
})

test('[GW5] when the past is rewritten under open sockets, all of them are told', async () => {
  await using hub = await startGatewayHub({ POLL_MS: '100' })
  const [ana, ben] = [hub.connect(), hub.connect({ token: hub.token('agent') })]
  await ana.next('caught-up')
  await ben.next('caught-up')
  await hub.happen(5)
  await ana.next('consent.changed', ({ seq }) => ana.seqs.at(-1) === seq)
  await withTenantOwner(hub, (query) => query('update tenant_heads set epoch = 2, seq = 3'))
  expect(await ana.next('reset')).toEqual({ reason: 'epoch', position: '2:3' })
  expect(await ben.next('reset')).toEqual({ reason: 'epoch', position: '2:3' })
  await hub.happen(1)
  expect(await ana.next('consent.changed', ({ epoch }) => epoch === 2)).toMatchObject({ seq: 4 })
  expect(ana.faults).toEqual([])
  // A restored backup without a new epoch: the head is behind what was told.
  await withTenantOwner(hub, (query) => query('update tenant_heads set seq = 1'))
  expect(await ana.next('reset')).toEqual({ reason: 'future', position: '2:1' })
})
