import { styleText } from 'node:util'

const widthMax = 24
/** A shorter bar shows nothing. */
const widthMin = 8

/** How far a benchmark is: a bar on a terminal, a line for each run elsewhere. */
export class Progress {
  readonly #started = performance.now()

  /** A run begins: number `run` of `runs`, counted from 0. */
  begin(run: number, runs: number, what: string): void {
    if (!process.stderr.isTTY) return void process.stderr.write(`${run + 1}/${runs}  ${what}\n`)
    const elapsedMs = performance.now() - this.#started
    const left = run === 0 ? '' : `, about ${clock((elapsedMs / run) * (runs - run))} left`
    // A line that wraps could not be cleared any more.
    const columns = (process.stderr.columns || 80) - 1
    const text = `${run + 1}/${runs}${left}  ${what}`.slice(0, columns)
    const room = Math.min(widthMax, columns - text.length - 1)
    const width = room < widthMin ? 0 : room
    const filled = Math.floor((run / runs) * width)
    const bar = '█'.repeat(filled) + styleText('dim', '░'.repeat(width - filled))
    process.stderr.write(`\r\u001b[K${width === 0 ? '' : `${bar} `}${text}`)
  }

  end(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
  }
}

/** Minutes and seconds. */
function clock(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}
