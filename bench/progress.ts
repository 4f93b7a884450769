import { styleText } from 'node:util'

const width = 24

/** How far a benchmark is: a bar on a terminal, a line for each run elsewhere. */
export class Progress {
  readonly #started = performance.now()

  /** A run begins: number `run` of `runs`, counted from 0. */
  begin(run: number, runs: number, what: string): void {
    if (!process.stderr.isTTY) return void process.stderr.write(`${run + 1}/${runs}  ${what}\n`)
    const filled = Math.floor((run / runs) * width)
    const bar = '█'.repeat(filled) + styleText('dim', '░'.repeat(width - filled))
    const elapsedMs = performance.now() - this.#started
    const left = run === 0 ? '' : `, about ${clock((elapsedMs / run) * (runs - run))} left`
    process.stderr.write(`\r\u001b[K${bar} ${run + 1}/${runs}${left}  ${what}`)
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
