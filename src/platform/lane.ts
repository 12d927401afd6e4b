export interface LaneOptions<Key, Job, Result> {
  /** Jobs of one key run one batch at a time, in the order they came. */
  readonly keyOf: (job: Job) => Key
  /** Most jobs of one batch. */
  readonly batch: number
  /** Most batches under way, over all keys. */
  readonly concurrency: number
  /** Most jobs that may wait; one more is refused with `onFull`. */
  readonly waiting: number
  readonly onFull: () => Error
  /**
   * Does a whole batch, all or nothing. Answers in the order of the jobs; an Error in a place fails just that job.
   * When it throws, each job of the batch is tried alone, so that one bad job cannot fail its neighbours.
   */
  readonly run: (key: Key, jobs: readonly Job[]) => Promise<readonly (Result | Error)[]>
  /** Whether an error is about everybody (the database is gone) rather than one job; then nothing is tried alone. */
  readonly isCommon: (error: unknown) => boolean
}

interface Waiting<Job, Result> {
  readonly job: Job
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

/**
 * A serial lane per key: whoever is busy takes everything that waits. Writers of one tenant that queue on its head row
 * lose a round trip and a commit each and collapse under load; a lane gets faster as it gets busier
 * (docs/measurements.md).
 */
export class Lane<Key, Job, Result> {
  readonly #options: LaneOptions<Key, Job, Result>
  readonly #queues = new Map<Key, Waiting<Job, Result>[]>()
  readonly #ready: Key[] = []
  readonly #running = new Set<Key>()
  #waiting = 0
  #idle: (() => void)[] = []

  constructor(options: LaneOptions<Key, Job, Result>) {
    this.#options = options
  }

  /** Settles when the job's batch is committed, or fails with its error. */
  submit(job: Job): Promise<Result> {
    if (this.#waiting >= this.#options.waiting) return Promise.reject(this.#options.onFull())
    this.#waiting += 1
    return new Promise<Result>((resolve, reject) => {
      const key = this.#options.keyOf(job)
      const queue = this.#queues.get(key)
      if (queue) queue.push({ job, resolve, reject })
      else {
        this.#queues.set(key, [{ job, resolve, reject }])
        if (!this.#running.has(key)) this.#ready.push(key)
      }
      // One turn of the event loop later, so that jobs of the same turn share a batch.
      setImmediate(() => this.#pump())
    })
  }

  /** Settles when nothing waits and nothing runs. */
  async drained(): Promise<void> {
    if (this.#waiting === 0 && this.#running.size === 0) return
    await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  #pump(): void {
    while (this.#ready.length > 0 && this.#running.size < this.#options.concurrency) {
      const key = this.#ready.shift() as Key
      const queue = this.#queues.get(key)
      if (!queue || this.#running.has(key)) continue
      const taken = queue.splice(0, this.#options.batch)
      if (queue.length === 0) this.#queues.delete(key)
      this.#waiting -= taken.length
      this.#running.add(key)
      void this.#runBatch(key, taken).finally(() => {
        this.#running.delete(key)
        if (this.#queues.has(key)) this.#ready.push(key)
        this.#pump()
        if (this.#waiting === 0 && this.#running.size === 0) for (const wake of this.#idle.splice(0)) wake()
      })
    }
  }

  async #runBatch(key: Key, taken: readonly Waiting<Job, Result>[]): Promise<void> {
    try {
      const results = await this.#options.run(
        key,
        taken.map((one) => one.job),
      )
      taken.forEach((one, place) => {
        const result = results[place]
        if (result instanceof Error) one.reject(result)
        else one.resolve(result as Result)
      })
    } catch (error) {
      if (taken.length === 1 || this.#options.isCommon(error)) {
        for (const one of taken) one.reject(error)
        return
      }
      for (const one of taken) await this.#runBatch(key, [one])
    }
  }
}
