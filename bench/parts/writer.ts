import { setTimeout as pause } from 'node:timers/promises'
import { openDeps, type ServedConfig } from '../../src/deps.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { readConfig } from '../../src/platform/config.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { paced } from './pace.ts'
import { serve } from './serve.ts'

/** Another process of the product that commits facts, as REST and the workers do. */

const deps = openDeps(readConfig() as ServedConfig, 'bench-writer')

interface Commits {
  readonly tenantId: string
  /** The facts hang on these conversations, in turn. */
  readonly conversationIds: readonly string[]
  readonly commits: number
  readonly eventsPerCommit: number
  readonly intervalMs: number
}

interface Announcements {
  readonly tenantId: string
  readonly commits: number
  readonly intervalMs: number
  /** Of each event, about. */
  readonly bytes: number
}

serve({
  /**
   * Facts that the whole tenant hears, one per commit, each with a mark from 0 on. Answers when each was committed, in
   * microseconds of the machine's monotonic clock.
   */
  announce: async ({ tenantId, commits, intervalMs, bytes }: Announcements): Promise<number[]> => {
    const committedUs: number[] = []
    const under: Promise<void>[] = []
    await paced(commits, intervalMs, (mark) => {
      const source = `mark-${mark}-`.padEnd(bytes, 'x')
      const at = new Date().toISOString()
      under.push(
        inTenant(deps, tenantId, (tx) => {
          const fact = { contactId: 1, category: 'marketing', granted: true, source, at } as const
          tx.record('consent.changed', fact, { kind: 'tenant' }, { kind: 'provider' })
          return Promise.resolve()
        }).then(() => {
          committedUs[mark] = Number(process.hrtime.bigint() / 1000n)
        }),
      )
    })
    await Promise.all(under)
    return committedUs
  },
  /** Facts of about 300 bytes as a frame, each hanging on a conversation. Settles when all are committed. */
  commit: async ({ tenantId, conversationIds, commits, eventsPerCommit, intervalMs }: Commits) => {
    let made = 0
    const under: Promise<void>[] = []
    await paced(commits, intervalMs, () => {
      under.push(
        inTenant(deps, tenantId, (tx) => {
          for (let i = 0; i < eventsPerCommit; i++) {
            const conversationId = conversationIds[made++ % conversationIds.length] as string
            tx.record(
              'message.delivered',
              { messageId: uuidv7(), conversationId, status: 'delivered', at: tx.now.toISOString() },
              { kind: 'conversation', conversationId },
              { kind: 'provider' },
            )
          }
          return Promise.resolve()
        }),
      )
    })
    await Promise.all(under)
  },
  /** What a commit of this tenant makes Redis carry, without the commit: many times, one per turn of the event loop. */
  ring: async ({ tenantId, times }: { tenantId: string; times: number }) => {
    for (let i = 0; i < times; i++) {
      deps.doorbell.ring(tenantId)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await pause(50)
  },
})
