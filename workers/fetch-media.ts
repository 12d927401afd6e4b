import { fetchAttachment } from '../src/domain/media/fetch-attachment.ts'
import type { MediaDeps } from '../src/domain/media/media-deps.ts'
import { listDueMedia } from '../src/domain/media/sweep-media.ts'
import type { JobData } from '../src/platform/jobs.ts'
import { Slots } from '../src/platform/slots.ts'

/** Files that one process has in hand, downloading or in line, per download that it may do at once. */
const inHandPerDownload = 16

/**
 * The downloads of one process: at most MEDIA_CONCURRENCY at once, whether a nudge or the sweep asked for them; the others
 * stand in line. A file is never fetched twice at once, here or elsewhere: its row is claimed first.
 */
export class MediaFetcher {
  readonly #deps: MediaDeps
  /** By attachment, in line or under way. */
  readonly #inHand = new Map<string, Promise<void>>()
  readonly #slots: Slots
  #stopped = false

  constructor(deps: MediaDeps) {
    this.#deps = deps
    this.#slots = new Slots(deps.config.MEDIA_CONCURRENCY)
  }

  /** A nudge: settles when the file's try is over. When too much is in hand it is dropped: the sweep comes back to it. */
  fetch(job: JobData['fetch-media']): Promise<void> {
    const inHand = this.#inHand.get(job.attachmentId)
    if (inHand !== undefined) return inHand
    if (this.#room() <= 0) return Promise.resolve()
    const done = this.#slots.run(() => this.#try(job)).finally(() => this.#inHand.delete(job.attachmentId))
    this.#inHand.set(job.attachmentId, done)
    return done
  }

  /**
   * Takes up what is due and was not nudged, as far as there is room, and does not wait for it. Answers how many that were.
   * Fails when the database is away.
   */
  async sweep(): Promise<number> {
    const room = this.#room()
    if (room <= 0) return 0
    const due = await listDueMedia(this.#deps, room)
    const found = due.filter(({ attachmentId }) => !this.#inHand.has(attachmentId))
    for (const job of found) void this.fetch(job)
    return found.length
  }

  /**
   * Starts nothing any more and settles when nothing runs. What the end of the process cuts off is taken over by another
   * one when its lease runs out.
   */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#inHand.values())
  }

  #room(): number {
    return this.#stopped ? 0 : this.#deps.config.MEDIA_CONCURRENCY * inHandPerDownload - this.#inHand.size
  }

  async #try(job: JobData['fetch-media']): Promise<void> {
    if (this.#stopped) return
    try {
      const result = await fetchAttachment(this.#deps, job)
      this.#deps.log.debug({ ...job, result }, 'a file was tried')
    } catch (error) {
      this.#deps.log.error({ err: error, ...job }, 'a file could not be tried')
    }
  }
}
