type Close = () => Promise<unknown> | void

/**
 * What a program opened on its way up. It is closed in reverse order, also when the program got only half-way; one that
 * fails to close keeps none of the others open.
 */
export class Opened {
  readonly #closers: Close[] = []
  readonly #urgent: Close[] = []
  readonly #first: Close[] = []
  #isLost = false
  readonly #lost = Promise.withResolvers<string>()
  #closing: Promise<void> | undefined

  /** Settles when something is gone for good without which nothing here works, with a sentence that says what. */
  get lost(): Promise<string> {
    return this.#lost.promise
  }

  /** Whether `lost` is settled. */
  get isLost(): boolean {
    return this.#isLost
  }

  lose(why: string): void {
    this.#isLost = true
    this.#lost.resolve(why)
  }

  /** What must be so before anything is closed, because closing needs it. */
  before(prepare: Close): void {
    this.#first.push(prepare)
  }

  /** `urgent`: also done, before all else, when there is no time to close in order (child processes must not stay). */
  defer(close: Close, { urgent = false } = {}): void {
    this.#closers.push(close)
    if (urgent) this.#urgent.push(close)
  }

  /** Closes everything, or, after a loss, what must not outlive us; calling it again waits for the same end. Fails with what could not be closed. */
  close(): Promise<void> {
    this.#closing ??= this.#inOrder()
    return this.#closing
  }

  async #inOrder(): Promise<void> {
    await all(this.#first)
    await (this.#isLost ? this.abandon() : all(this.#closers.toReversed()))
  }

  /** Closes what must not outlive us, at once. */
  abandon(): Promise<void> {
    return all(this.#urgent.toReversed())
  }
}

async function all(closers: readonly Close[]): Promise<void> {
  const errors: unknown[] = []
  for (const close of closers) {
    try {
      await close()
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length === 1) throw errors[0]
  if (errors.length > 1) throw new AggregateError(errors, 'several parts did not close')
}
