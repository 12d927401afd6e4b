import pg from 'pg'
import { expect, test } from 'vitest'
import { eventually } from '../harness/eventually.ts'
import { startGatewayHub } from './setup.ts'

test('[GW6] a gateway keeps recent events within SOCKET_TAIL_BYTES: who missed those is served without the log, who missed older ones from it', async () => {
  await using hub = await startGatewayHub({ POLL_MS: '100' })
  const { gateway: small } = await hub.another({ SOCKET_TAIL_BYTES: 20_000 })
  await hub.signIn('admin')
  const ports = { large: hub.gateway.port, small: small.port }
  const listeners = Object.values(ports).map((port) => hub.connect({ port }))
  await Promise.all(listeners.map((listener) => listener.next('caught-up')))
  const begin = listeners[0]?.position ?? ''
  await hub.happen(50, 1_000)
  for (const listener of listeners) await eventually(() => expect(listener.facts).toHaveLength(50))
  const nearly = begin.replace(/\d+$/, (seq) => String(Number(seq) + 48))

  const holder = new pg.Client({ connectionString: hub.config.DATABASE_URL })
  await holder.connect()
  hub.onClose(() => holder.end())
  /** Comes back with a position while nobody can read the log: what serves it, and how much it heard in the end. */
  const comeBack = async (port: number, position: string) => {
    await holder.query('begin; lock table events in access exclusive mode')
    const client = hub.connect({ port, position })
    const served = await Promise.race([
      client.next('caught-up').then(() => 'memory'),
      eventually(async () => {
        const { rows } = await holder.query(
          `select 1 from pg_locks where relation = 'events'::regclass and not granted`,
        )
        expect(rows.length).toBeGreaterThan(0)
        return 'log'
      }),
    ])
    await holder.query('commit')
    await eventually(() => expect(client.of('caught-up').length).toBeGreaterThan(0))
    const heard = client.facts.length
    expect(client.faults).toEqual([])
    client.close()
    return [served, heard]
  }
  // The bound is kept at the next look.
  await eventually(async () => expect(await comeBack(ports.small, begin)).toEqual(['log', 50]))
  expect(await comeBack(ports.large, begin)).toEqual(['memory', 50])
  expect(await comeBack(ports.small, nearly)).toEqual(['memory', 2])
})
