import { createHash } from 'node:crypto'

/**
 * Chance with a memory: the same seed gives the same throws (mulberry32). Every customer and every answer throws dice of
 * its own (`fork`), so that what the hub does at which moment changes nothing for the others.
 */
export class Dice {
  readonly #seed: string
  #state: number

  constructor(seed: string | number) {
    this.#seed = String(seed)
    this.#state = createHash('sha256').update(this.#seed).digest().readUInt32LE(0)
  }

  fork(name: string | number): Dice {
    return new Dice(`${this.#seed}/${name}`)
  }

  /** From 0 up to but not including 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  chance(share: number): boolean {
    return this.next() < share
  }

  between(from: number, to: number): number {
    return from + this.next() * (to - from)
  }

  pick<const List extends readonly [unknown, ...unknown[]]>(things: List): List[number] {
    return things[Math.floor(this.next() * things.length)] ?? things[0]
  }
}
