import type { Deps } from '../src/deps.ts'
import { runImport } from '../src/domain/imports/run-import.ts'
import type { JobData } from '../src/platform/jobs.ts'
import { logFailure } from './outcome.ts'
import type { SweepTask } from './sweep.ts'

/** Imports that one process runs at the same time: each holds a connection most of the time. */
const importsAtOnce = 2

/** The imports that this process runs. What a nudge finds no room for, the sweep comes back to. */
export class Imports {
  readonly #deps: Deps
  readonly #running = new Map<string, Promise<void>>()
  readonly #stopping = new AbortController()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** Begins an import, or goes on with it, and does not wait for its end. */
  begin(job: JobData['run-import']): void {
    const { signal } = this.#stopping
    if (signal.aborted || this.#running.has(job.importId) || this.#running.size >= importsAtOnce) return
    const done = runImport(this.#deps, job, signal)
      .catch((error: unknown) => logFailure(this.#deps.log, 'run-import', error))
      .finally(() => this.#running.delete(job.importId))
    this.#running.set(job.importId, done)
  }

  get sweep(): SweepTask {
    return {
      name: 'due-imports',
      everyMs: this.#deps.config.SWEEP_MS,
      run: async (query) => {
        const room = importsAtOnce - this.#running.size
        if (room <= 0) return
        const due = await query<{ tenant_id: string; import_id: string }>(
          'select tenant_id, import_id from due_imports($1)',
          [room],
        )
        for (const { tenant_id: tenantId, import_id: importId } of due) this.begin({ tenantId, importId })
      },
    }
  }

  /** Begins nothing any more and settles when the batches under way are written; another process goes on behind them. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#running.values())
  }
}
