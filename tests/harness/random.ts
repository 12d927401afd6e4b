/** A small seeded generator (mulberry32), so that a storm that fails can be had again by its seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** The seed of a storm: given by STORM_SEED, else random; printed, so that it can be given. */
export function stormSeed(name: string): number {
  const seed = Number(process.env['STORM_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  console.log(`${name}: STORM_SEED=${seed}`)
  return seed
}
