import { fetchAttachment } from '../src/domain/media/fetch-attachment.ts'
import type { MediaDeps } from '../src/domain/media/media-deps.ts'
import { listDueMedia } from '../src/domain/media/sweep-media.ts'
import type { JobData } from '../src/platform/jobs.ts'

/**
 * The downloads of one process: at most MEDIA_CONCURRENCY at once, whether a nudge or the sweep asked for them. A file is
 * never fetched twice at once, here or elsewhere: its row is claimed first.
 */
export class MediaFetcher {
  readonly #deps: MediaDeps
  readonly #running = new Map<string, Promise<void>>()
  #stopped = false

  constructor(deps: MediaDeps) {
    this.#deps = deps
  }

  /** A nudge: settles when the file's try is over. Too busy now is fine: the sweep comes back to it. */
  async fetch(job: JobData['fetch-media']): Promise<void> {
    await this.#start(job)
  }

  /**
   * Starts what is due and was not nudged, as far as there is room, and does not wait for it. Answers how many it started.
   * Fails when the database is away.
   */
  async sweep(): Promise<number> {
    const room = this.#deps.config.MEDIA_CONCURRENCY - this.#running.size
    if (room <= 0 || this.#stopped) return 0
    const due = await listDueMedia(this.#deps, room)
    const found = due.filter(({ attachmentId }) => !this.#running.has(attachmentId))
    for (const job of found) void this.#start(job)
    return found.length
  }

  /** Starts nothing any more and settles when nothing runs. What is cut off by the end of the process is taken over when its lease runs out. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#running.values())
  }

  #start(job: JobData['fetch-media']): Promise<void> {
    const running = this.#running.get(job.attachmentId)
    if (running !== undefined) return running
    if (this.#stopped || this.#running.size >= this.#deps.config.MEDIA_CONCURRENCY) return Promise.resolve()
    const started = fetchAttachment(this.#deps, job)
      .then((result) => {
        this.#deps.log.debug({ ...job, result }, 'a file was tried')
      })
      .catch((error: unknown) => {
        this.#deps.log.error({ err: error, ...job }, 'a file could not be tried')
      })
      .finally(() => this.#running.delete(job.attachmentId))
    this.#running.set(job.attachmentId, started)
    return started
  }
}
