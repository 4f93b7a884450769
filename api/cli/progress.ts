import { ProgressBar } from './progress-bar.ts'

/** The progress of work whose total is told while it is done: a bar once that is known. */
export class Progress {
  readonly #unit: string
  readonly #isWanted: boolean
  #bar: ProgressBar | undefined

  /**
   * @param unit what is counted
   * @param isWanted false: show nothing, as when the result itself goes to the terminal
   */
  constructor(unit: string, isWanted = true) {
    this.#unit = unit
    this.#isWanted = isWanted
  }

  update(done: number, total: number): void {
    if (!this.#isWanted) return
    this.#bar ??= new ProgressBar(total, this.#unit)
    this.#bar.update(done, 0)
  }

  /** Leave the bar as it is, and go on below it. */
  end(): void {
    this.#bar?.end()
  }
}
