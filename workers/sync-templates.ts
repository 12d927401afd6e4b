import type { Deps } from '../src/deps.ts'
import { syncTemplates } from '../src/domain/templates/sync-templates.ts'
import type { JobData } from '../src/platform/jobs.ts'
import { logFailure } from './outcome.ts'
import type { SweepTask } from './sweep.ts'

/** Lists that one process reads at the same time: nobody waits for them, and each may have sixty pages. */
const listsAtOnce = 4

type Key = JobData['sync-templates']

/** The lists of templates that this process reads. What a nudge finds no room for, the sweep comes back to. */
export class TemplateSyncs {
  readonly #deps: Deps
  readonly #running = new Map<string, Promise<void>>()
  #stopped = false

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** Settles when the list was read, or is not this process's to read now. */
  sync(key: Key): Promise<void> {
    const running = this.#running.get(key.channelId)
    if (running) return running
    if (this.#stopped || this.#running.size >= listsAtOnce) return Promise.resolve()
    const done = this.#run(key).finally(() => this.#running.delete(key.channelId))
    this.#running.set(key.channelId, done)
    return done
  }

  get sweep(): SweepTask {
    return {
      name: 'due-templates',
      everyMs: this.#deps.config.SWEEP_MS,
      run: async (query) => {
        const room = this.#stopped ? 0 : listsAtOnce - this.#running.size
        if (room <= 0) return
        const due = await query<{ tenant_id: string; channel_id: string }>(
          'select tenant_id, channel_id from channels_with_due_templates($1)',
          [room],
        )
        for (const { tenant_id: tenantId, channel_id: channelId } of due)
          void this.sync({ tenantId, channelId })
      },
    }
  }

  /** Begins nothing any more and settles when nothing runs. A list that is cut off is read anew when its lease ends. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#running.values())
  }

  async #run(key: Key): Promise<void> {
    try {
      const result = await syncTemplates(this.#deps, key)
      this.#deps.log.debug({ ...key, result }, 'a list of templates was looked at')
    } catch (error) {
      logFailure(this.#deps.log, 'sync-templates', error)
    }
  }
}
