import type { Journal } from './journal.ts'

/**
 * Lets scans of the journal take turns on the host thread, one slice in a macrotask whatever their
 * number: a list that has to look at a million runs must not stand in the way of signals.
 */
export class ScanTurns {
  readonly #sliceMs: number
  readonly #stepsPerLook: number
  readonly #waiting: (() => void)[] = []
  #isScheduled = false

  /**
   * @param sliceMs how long a scan goes on at a time
   * @param stepsPerLook its steps between two looks at the time
   */
  constructor(sliceMs = 2, stepsPerLook = 32) {
    this.#sliceMs = sliceMs
    this.#stepsPerLook = stepsPerLook
  }

  /** A slice that begins now. */
  begin(): ScanSlice {
    return new ScanSlice(this.#sliceMs, this.#stepsPerLook)
  }

  /** Resolves when it is the caller's turn to do another slice. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#schedule()
    })
  }

  /** Resolves when rows that are read rarely can be read without having to be sorted first. */
  async sorted(journal: Journal): Promise<void> {
    for (;;) {
      const slice = this.begin()
      if (journal.sortRareRows(() => slice.step())) return
      await this.next()
    }
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#waiting.shift()?.()
      if (this.#waiting.length > 0) this.#schedule()
    })
  }
}

export class ScanSlice {
  readonly #until: number
  readonly #stepsPerLook: number
  #steps = 0
  #isOver = false

  constructor(sliceMs: number, stepsPerLook: number) {
    this.#until = performance.now() + sliceMs
    this.#stepsPerLook = stepsPerLook
  }

  /** Count a step. @returns true if the slice is over */
  step(): boolean {
    this.#steps++
    if (this.#steps % this.#stepsPerLook === 0) this.#isOver ||= performance.now() >= this.#until
    return this.#isOver
  }

  get isOver(): boolean {
    return this.#isOver
  }
}
