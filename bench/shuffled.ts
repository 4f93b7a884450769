const seed = 20_201

/** The numbers 0 … count − 1 in an order that looks random and is the same in every run. */
export function shuffled(count: number): Uint32Array {
  const numbers = Uint32Array.from({ length: count }, (_, index) => index)
  let state = seed
  for (let index = count - 1; index > 0; index -= 1) {
    // A linear congruential step of 32 bits; its high bits are good enough to pick a place.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const other = Math.floor((state / 2 ** 32) * (index + 1))
    const moved = numbers[index] ?? 0
    numbers[index] = numbers[other] ?? 0
    numbers[other] = moved
  }
  return numbers
}
