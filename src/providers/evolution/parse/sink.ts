import type { InboundItem, Parsed, PoisonPart } from '../../inbound.ts'
import { excerpt } from './dialect.ts'

/** Where the readers of one delivery put what they find. */
export class Sink {
  private readonly items: InboundItem[] = []
  private readonly poison: PoisonPart[] = []
  private readonly ignored: string[] = []

  add(item: InboundItem): void {
    this.items.push(item)
  }

  /** We know what it is and do not want it; `why` is a sentence for whoever asks where a message went. */
  ignore(why: string): void {
    this.ignored.push(why)
  }

  /** It makes no sense. `raw` is kept as an excerpt without pictures and credentials. */
  reject(reason: string, raw: unknown): void {
    this.poison.push({ reason, raw: excerpt(raw) })
  }

  /** Reads every element by itself, so that one that makes no sense does not take its siblings with it. */
  each(elements: readonly unknown[], read: (element: unknown) => void): void {
    for (const element of elements) {
      try {
        read(element)
      } catch (error) {
        this.reject(
          `it could not be read: ${error instanceof Error ? error.message : 'unknown reason'}`,
          element,
        )
      }
    }
  }

  /** Something is always said, so that a delivery that changed nothing can be explained. */
  parsed(): Parsed {
    const count = this.items.length + this.poison.length + this.ignored.length
    if (count === 0) this.ignore('the delivery held nothing')
    return { items: this.items, poison: this.poison, ignored: this.ignored }
  }
}

/** What every reader may know about the delivery. */
export interface Scene {
  readonly sink: Sink
  readonly receivedAt: Date
  /** Digits of the instance's own number, when the envelope told it. */
  readonly own: string | undefined
}
