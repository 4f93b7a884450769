import { seededRandom } from './seeded-random.ts'

const seed = 20_201

/** The numbers 0 … count − 1 in an order that looks random and is the same in every run. */
export function shuffled(count: number): Uint32Array {
  const numbers = Uint32Array.from({ length: count }, (_, index) => index)
  const random = seededRandom(seed)
  for (let index = count - 1; index > 0; index -= 1) {
    const other = Math.floor(random() * (index + 1))
    const moved = numbers[index] ?? 0
    numbers[index] = numbers[other] ?? 0
    numbers[other] = moved
  }
  return numbers
}
