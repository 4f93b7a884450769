import { styleText } from 'node:util'

const width = 40

/**
 * A progress bar on a terminal. Where the output is no terminal it prints a line for every tenth of
 * the way instead, so that a log stays readable.
 */
export class ProgressBar {
  readonly #output: NodeJS.WriteStream
  readonly #total: number
  readonly #started = performance.now()
  #done = 0
  #drawn = 0
  #note = ''

  constructor(total: number, output: NodeJS.WriteStream = process.stdout) {
    this.#total = total
    this.#output = output
  }

  /** `note` stands at the right of the bar until it is changed. */
  update(done: number, note = this.#note): void {
    const noteChanged = note !== this.#note
    this.#done = done
    this.#note = note
    if (this.#output.isTTY) {
      const now = performance.now()
      if (now - this.#drawn < 50 && done < this.#total && !noteChanged) return
      this.#drawn = now
      this.#output.write(`\r\u001b[K${this.#line()}`)
      return
    }
    const tenth = Math.floor((done / this.#total) * 10)
    if (tenth === this.#drawn && !noteChanged) return
    this.#drawn = tenth
    this.#output.write(`${this.#line()}\n`)
  }

  /** Leave the bar as it stands and go on below it. */
  end(): void {
    if (this.#output.isTTY) this.#output.write('\n')
  }

  #line(): string {
    const share = this.#done / this.#total
    const filled = Math.round(share * width)
    const bar =
      styleText('cyan', '█'.repeat(filled)) + styleText('gray', '░'.repeat(width - filled))
    const seconds = (performance.now() - this.#started) / 1000
    const rate = seconds > 0 ? Math.round(this.#done / seconds) : 0
    const percent = `${Math.floor(share * 100)}%`.padStart(4)
    const count = `${this.#done.toLocaleString('en')}/${this.#total.toLocaleString('en')}`
    return `${bar}${percent}  ${count}  ${rate.toLocaleString('en')}/s  ${this.#note}`
  }
}
