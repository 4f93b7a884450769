const width = 30
/** Often enough to move, seldom enough to cost nothing. */
const everyMs = 100

/** A bar on stderr, if that is a terminal; else nothing. */
export class ProgressBar {
  readonly #total: number
  readonly #unit: string
  readonly #started = performance.now()
  readonly #isShown = process.stderr.isTTY
  #drawn = 0
  #done = 0
  #refused = 0
  #isOpen = false

  /** @param unit what is counted */
  constructor(total: number, unit = 'lines') {
    this.#total = total
    this.#unit = unit
  }

  update(done: number, refused: number): void {
    this.#done = done
    this.#refused = refused
    const now = performance.now()
    if (!this.#isShown || (now - this.#drawn < everyMs && done < this.#total)) return
    this.#drawn = now
    this.#isOpen = true
    process.stderr.write(
      `\r${progressLine(done, this.#total, refused, now - this.#started, this.#unit)}\u001b[K`,
    )
  }

  /** Leave the bar as it is, and go on below it. */
  end(): void {
    if (!this.#isOpen) return
    const elapsed = performance.now() - this.#started
    const line = progressLine(this.#done, this.#total, this.#refused, elapsed, this.#unit)
    process.stderr.write(`\r${line}\u001b[K\n`)
    this.#isOpen = false
  }
}

/** The bar as text: how far, how many, and how fast. */
export function progressLine(
  done: number,
  total: number,
  refused: number,
  elapsedMs: number,
  unit = 'lines',
): string {
  const part = total === 0 ? 1 : Math.min(1, done / total)
  const filled = Math.floor(part * width)
  const bar = '█'.repeat(filled) + '░'.repeat(width - filled)
  const rate = elapsedMs <= 0 ? 0 : Math.round((done / elapsedMs) * 1000)
  const count = (value: number) => value.toLocaleString('en-US')
  const failures = refused === 0 ? '' : `, ${count(refused)} refused`
  const percent = String(Math.floor(part * 100)).padStart(3)
  return `${bar} ${percent} %  ${count(done)} of ${count(total)} ${unit}, ${count(rate)} a second${failures}`
}
