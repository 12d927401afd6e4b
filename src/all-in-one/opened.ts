type Close = () => Promise<unknown> | void

/**
 * What a program opened on its way up. It is closed in reverse order, also when the program got only half-way; one that
 * fails to close keeps none of the others open.
 */
export class Opened {
  readonly #closers: Close[] = []
  readonly #urgent: Close[] = []
  #closing: Promise<void> | undefined

  /** `urgent`: also done, before all else, when there is no time to close in order (child processes must not stay). */
  defer(close: Close, { urgent = false } = {}): void {
    this.#closers.push(close)
    if (urgent) this.#urgent.push(close)
  }

  /** Closes everything; calling it again waits for the same end. Fails with what could not be closed. */
  close(): Promise<void> {
    this.#closing ??= all(this.#closers.toReversed())
    return this.#closing
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
