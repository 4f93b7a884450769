import { seededRandom } from './seeded-random.ts'

const seed = 30_103

/**
 * The times at which operations are due: at distances that look random, exponentially distributed, as those of many
 * senders who know nothing of each other (even distances would flatter: nothing ever comes together). They are
 * the same in every run and in every thread, and the last one is due exactly when its number over the rate says.
 */
export class Arrivals {
  readonly #random = seededRandom(seed)
  readonly #total: number
  readonly #scale: number
  #passed = 0
  #dueMs = 0

  /** @param rate a second */
  constructor(rate: number, total: number) {
    const drawn = seededRandom(seed)
    let sum = 0
    for (let index = 0; index < total; index += 1) sum += distance(drawn)
    this.#total = total
    this.#scale = (total / rate / sum) * 1000
    this.#dueMs = distance(this.#random) * this.#scale
  }

  /** When the next one is due, in milliseconds after the beginning; Infinity if there is none. */
  get dueMs(): number {
    return this.#passed < this.#total ? this.#dueMs : Infinity
  }

  /** Go on to the one after that. */
  pass(): void {
    this.#passed += 1
    this.#dueMs += distance(this.#random) * this.#scale
  }
}

/** Of the mean 1. */
function distance(random: () => number): number {
  return -Math.log(1 - random())
}
