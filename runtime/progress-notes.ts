import type { Run } from './run.ts'

/**
 * How long after a run's first turn without commands that is noted in the journal at the latest. Until
 * then more signals to the same run share the note; a crash costs their turns done again.
 */
const DELAY_MS = 5_000
/** With many thousand runs they are due together, and must not make one commit a long one. */
const RUNS_PER_BATCH = 1_024

/**
 * The runs whose progress the journal does not have yet. It is no more than a saving of work after a
 * crash: until the journal has it, the turns are done again, which changes nothing.
 */
export class ProgressNotes {
  readonly #onDue: () => void
  #noted: Run[] = []
  #due: Run[] = []
  /** How many of those that are due have been taken. */
  #taken = 0
  #timer: NodeJS.Timeout | undefined

  constructor(onDue: () => void) {
    this.#onDue = onDue
  }

  /** Turns of the run have ended and nothing else carries that to the journal. */
  note(run: Run): void {
    if (run.progressNoted) return
    run.progressNoted = true
    this.#noted.push(run)
    this.#timer ??= setTimeout(() => this.#expire(), DELAY_MS)
  }

  /** True if {@link take} would give some. */
  get isDue(): boolean {
    return this.#taken < this.#due.length
  }

  /** Some of the runs that are due, for the batch that is being cut. */
  take(): readonly Run[] {
    if (!this.isDue) return NONE
    const runs = this.#due.slice(this.#taken, this.#taken + RUNS_PER_BATCH)
    this.#taken += runs.length
    for (const run of runs) run.progressNoted = false
    return runs
  }

  /** All is due now: nothing will carry it later. */
  hasten(): void {
    clearTimeout(this.#timer)
    this.#expire()
  }

  #expire(): void {
    this.#timer = undefined
    this.#due = this.isDue ? [...this.#due.slice(this.#taken), ...this.#noted] : this.#noted
    this.#taken = 0
    this.#noted = []
    if (this.isDue) this.#onDue()
  }
}

const NONE: readonly Run[] = []
