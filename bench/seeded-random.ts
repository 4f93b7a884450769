/** Numbers from 0 up to 1 that look random and are the same in every run. */
export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    // A linear congruential step of 32 bits; its high bits are good enough to pick a place or a distance.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
