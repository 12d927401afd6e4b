import { expect, test } from 'vitest'
import { Tail } from '../../gateway/tail.ts'
import { startGatewayHub } from './setup.ts'

test('[GW6] a wake in the moment in which a read ends is followed by a read of its own', async () => {
  await using hub = await startGatewayHub()
  const { read } = hub.deps.db
  let reads = 0
  const counting = new Proxy(read, {
    get: (pool, name) => {
      if (name === 'query') reads += 1
      const member: unknown = Reflect.get(pool, name)
      return typeof member === 'function' ? member.bind(pool) : member
    },
  })
  const deps = { ...hub.deps, db: { ...hub.deps.db, read: counting } }
  let second: Promise<void> | undefined
  const hooks = {
    passed: () =>
      queueMicrotask(() => {
        second ??= tail.refresh()
      }),
    slow: () => {},
    holdsBack: () => false,
  }
  const tail = await Tail.open(deps, hooks, hub.tenant.id)
  await hub.happen()
  const before = reads
  await tail.refresh()
  await second
  expect(reads - before).toBe(2)
})
